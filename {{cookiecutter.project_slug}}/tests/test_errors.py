{% filter unasync(cookiecutter._drivers[cookiecutter.driver].flavour) %}
{% include "shared/tests/test_errors.py" %}
{% endfilter %}
