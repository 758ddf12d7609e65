{% filter flavoured(cookiecutter._drivers[cookiecutter.driver].flavour) %}
{% include "shared/notes/queries.py" %}
{% endfilter %}
