{% include "frameworks/" ~ cookiecutter.framework ~ "/web/lifespan/" ~ cookiecutter._drivers[cookiecutter.driver].flavour ~ ".py" %}
