"""Say what to do next."""

import shlex
from pathlib import Path

print(
    f"""
{{ cookiecutter.project_slug }} is ready. Next:

    cd {shlex.quote(str(Path.cwd()))}
    make run     # a real Postgres, the migrations, the service with reload
    make test    # its tests, on a Postgres of their own

deploy/README.md goes from there to Cloud Run.
"""
)
