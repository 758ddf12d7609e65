"""Say what to do next.

Cookiecutter deletes the service when this script fails, so it must not: whether standard output is closed, full, a pipe
that nobody reads, or a terminal that lacks a letter of the folder's name.
"""

import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path

WORDS = f"""
{{ cookiecutter.project_slug }} is ready; its deploy/README.md leads on to Cloud Run. Next:

    cd {shlex.quote(str(Path.cwd()))}
    make run     # a real Postgres, the migrations, the service with reload
    make test    # its tests, on a Postgres of their own

"""

if sys.stdout:
    # Past Python's buffer, which would fail once more when the script ends.
    with suppress(OSError):
        os.write(sys.stdout.fileno(), WORDS.encode(sys.stdout.encoding, "backslashreplace"))
