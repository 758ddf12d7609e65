{% include "frameworks/" ~ cookiecutter.framework ~ "/concurrency/" ~ cookiecutter._drivers[cookiecutter.driver].flavour ~ ".py" %}
