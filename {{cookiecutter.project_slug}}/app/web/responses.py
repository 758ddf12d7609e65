{% include "frameworks/" ~ cookiecutter.framework ~ "/web/responses.py" %}
