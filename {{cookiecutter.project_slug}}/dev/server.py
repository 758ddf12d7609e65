{% include "interfaces/" ~ cookiecutter._frameworks[cookiecutter.framework].interface ~ "/development_server.py" %}
