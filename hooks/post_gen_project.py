"""Say what to do next."""

import shlex
from pathlib import Path

print(
    f"""
{{ cookiecutter.project_slug }} is ready; its deploy/README.md leads on to Cloud Run. Next:

    cd {shlex.quote(str(Path.cwd()))}
    make run     # a real Postgres, the migrations, the service with reload
    make test    # its tests, on a Postgres of their own
"""
)
