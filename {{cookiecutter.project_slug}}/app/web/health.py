{% include "frameworks/" ~ cookiecutter.framework ~ "/health.py" %}
