{% filter flavoured(cookiecutter._drivers[cookiecutter.driver].flavour) %}
{% include "shared/database/patience.py" %}
{% endfilter %}
