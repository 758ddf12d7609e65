{% include "frameworks/" ~ cookiecutter.framework ~ "/web/parameters.py" %}
