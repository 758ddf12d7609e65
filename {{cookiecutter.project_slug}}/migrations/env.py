{% filter unasync(cookiecutter._drivers[cookiecutter.driver].flavour) %}
{% include "shared/migrations/env.py" %}
{% endfilter %}
