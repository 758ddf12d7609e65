{% include "interfaces/" ~ cookiecutter._frameworks[cookiecutter.framework].interface ~ "/admission.py" %}
