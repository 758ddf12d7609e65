"""Leave the files of the choices that were made, and say what to do next.

Cookiecutter deletes the service when this script fails, so it must not: whether standard output is closed, full, a pipe
that nobody reads, or a terminal that lacks a letter of the folder's name; and whatever lies in the folder for temporary
files, where cookiecutter runs a copy of this script.
"""

import sys

if not sys.flags.safe_path:
    # The folder of the copy, where a json.py would be taken for Python's.
    del sys.path[0]

import json
import os
import shlex
from contextlib import suppress
from pathlib import Path

CHOICES = {
    "pipeline": ("{{ cookiecutter.pipeline }}", json.loads(r"""{{ cookiecutter._pipelines | tojson }}""")),
    "provider": ("{{ cookiecutter.provider }}", json.loads(r"""{{ cookiecutter._providers | tojson }}""")),
}


def remove_files_of_other_choices() -> str:
    """Remove what `--overwrite-if-exists` left of a service with another pipeline or provider, and say so."""
    said = []
    for question, (choice, rows) in CHOICES.items():
        others = {file for row in rows.values() for file in row["files"]} - set(rows[choice]["files"])
        there = sorted(file for file in others if Path(file).is_file())
        for file in there:
            Path(file).unlink()
        said += [f"Removed {' and '.join(there)}, of another {question}."] if there else []
    return "\n".join(said)


WORDS = f"""{remove_files_of_other_choices()}
{{ cookiecutter.project_slug }} is ready; its deploy/README.md leads on to Cloud Run. Next:

    cd {shlex.quote(str(Path.cwd()))}
    make run     # a real Postgres, the migrations, the service with reload
    make test    # its tests, on a Postgres of their own

"""

if sys.stdout:
    # Past Python's buffer, which would fail once more when the script ends.
    with suppress(OSError):
        os.write(sys.stdout.fileno(), WORDS.encode(sys.stdout.encoding, "backslashreplace"))
