{% set driver = cookiecutter._drivers[cookiecutter.driver] %}
{% set strategy = cookiecutter._pooling_strategies[cookiecutter.pooling_strategy] %}
{% filter unasync(driver.flavour) %}
{% include "pooling/reasons/" ~ cookiecutter.pooling_strategy ~ ".py" %}

{% include "pooling/" ~ strategy.poolclass ~ ".py" %}


{% include "connect_args/" ~ driver.connect_args[strategy.endpoint] ~ ".py" %}
{% endfilter %}
