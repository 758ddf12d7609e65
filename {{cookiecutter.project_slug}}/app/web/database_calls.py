{% include "interfaces/" ~ cookiecutter._frameworks[cookiecutter.framework].interface ~ "/database_calls/" ~ cookiecutter._drivers[cookiecutter.driver].flavour ~ ".py" %}
