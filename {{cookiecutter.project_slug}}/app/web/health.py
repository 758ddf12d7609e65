{% include "frameworks/" ~ cookiecutter.framework ~ "/web/health.py" %}
