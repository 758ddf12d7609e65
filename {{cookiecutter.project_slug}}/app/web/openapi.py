{% include "frameworks/" ~ cookiecutter.framework ~ "/web/openapi.py" %}
