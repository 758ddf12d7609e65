{% include "frameworks/" ~ cookiecutter.framework ~ "/tests/application.py" %}
