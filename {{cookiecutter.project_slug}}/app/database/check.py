{% filter unasync(cookiecutter._drivers[cookiecutter.driver].flavour) %}
{% include "shared/database/check.py" %}
{% endfilter %}
