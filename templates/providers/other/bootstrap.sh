{% include "shared/deploy/passwords.sh" %}
