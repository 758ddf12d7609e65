{% filter unasync(cookiecutter._drivers[cookiecutter.driver].flavour) %}
{% include "frameworks/" ~ cookiecutter.framework ~ "/routes.py" %}
{% endfilter %}
