{% include "frameworks/" ~ cookiecutter.framework ~ "/web/error_handlers.py" %}
