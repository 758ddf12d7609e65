{% include "interfaces/" ~ cookiecutter._frameworks[cookiecutter.framework].interface ~ "/server.py" %}
