{% include "frameworks/" ~ cookiecutter.framework ~ "/web/bodies.py" %}
