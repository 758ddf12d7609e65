{% filter unasync(cookiecutter._drivers[cookiecutter.driver].flavour) %}
{% include "shared/notes/queries.py" %}
{% endfilter %}
