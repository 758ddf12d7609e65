{% include "interfaces/" ~ cookiecutter._frameworks[cookiecutter.framework].interface ~ "/request_log.py" %}
