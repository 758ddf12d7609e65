{% set driver = cookiecutter._drivers[cookiecutter.driver] %}
{% set strategy = cookiecutter._pooling_strategies[cookiecutter.pooling_strategy] %}
{% set connect_args = cookiecutter._clients[driver.client].connect_args + driver.connect_args[strategy.endpoint] %}
{% filter flavoured(driver.flavour) | filled("connect_args", connect_args) %}
{% include "pooling/" ~ cookiecutter.pooling_strategy ~ ".py" %}
{% endfilter %}
