{% include "clients/test_" ~ cookiecutter._drivers[cookiecutter.driver].client ~ ".py" %}
