{% include "frameworks/" ~ cookiecutter.framework ~ "/openapi.py" %}
