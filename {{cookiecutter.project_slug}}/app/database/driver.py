{% include "clients/" ~ cookiecutter._drivers[cookiecutter.driver].client ~ ".py" %}
