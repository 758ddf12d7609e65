{% include "interfaces/" ~ cookiecutter._frameworks[cookiecutter.framework].interface ~ "/front_end.py" %}
