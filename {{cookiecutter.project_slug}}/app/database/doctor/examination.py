{% filter unasync(cookiecutter._drivers[cookiecutter.driver].flavour) %}
{% include "shared/database/examination.py" %}
{% endfilter %}
