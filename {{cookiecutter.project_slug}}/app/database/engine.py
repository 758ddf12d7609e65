{% set driver = cookiecutter._drivers[cookiecutter.driver] %}
{% set provider = cookiecutter._providers[cookiecutter.provider] %}
{% set strategy = cookiecutter._pooling_strategies[cookiecutter.pooling_strategy] %}
{% filter unasync(driver.flavour) %}
{% include "pooling/reasons/" ~ cookiecutter.pooling_strategy ~ ".py" %}

{% set pool %}
{% include "pooling/" ~ strategy.poolclass ~ ".py" %}
{% endset %}
{{ pool | trim | replace("from .connect_retry", provider.engine_import ~ "from .connect_retry") | replace("    limit_sessions(", provider.engine_call ~ "    limit_sessions(") }}


{% include "connect_args/" ~ driver.connect_args[strategy.endpoint] ~ ".py" %}
{% endfilter %}
