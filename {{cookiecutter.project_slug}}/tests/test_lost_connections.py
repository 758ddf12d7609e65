{% filter unasync(cookiecutter._drivers[cookiecutter.driver].flavour) %}
{% include "shared/tests/test_lost_connections.py" %}
{% endfilter %}
