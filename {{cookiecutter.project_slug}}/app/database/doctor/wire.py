{% set driver = cookiecutter._drivers[cookiecutter.driver] %}
{% filter unasync(driver.flavour) %}
{% include "wire/" ~ driver.dialect.rpartition("+")[2] ~ ".py" %}
{% endfilter %}
