{% filter unasync(cookiecutter._drivers[cookiecutter.driver].flavour) %}
{% include "shared/database/connect_retry.py" %}
{% endfilter %}
