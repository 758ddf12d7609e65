{% include "interfaces/" ~ cookiecutter._frameworks[cookiecutter.framework].interface ~ "/probe/" ~ cookiecutter._drivers[cookiecutter.driver].flavour ~ ".py" %}
