"""Python environments with a rendered service's own dependencies, shared by the services that have the same."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from filelock import FileLock

from combinations import CONTEXT, STRATEGIES, TEMPLATE, BakedProject

SYNC = ("-m", "uv", "sync", "--quiet", "--compile-bytecode")

CACHE = TEMPLATE / ".cache" / "environments"


@cache
def interpreters() -> list[str]:
    """The oldest and the newest Python offered that this machine has, or this one where it has none of them."""
    found = [path for version in sorted(CONTEXT["python_version"], key=version_key) if (path := interpreter(version))]
    return [found[0], found[-1]] if found else [sys.executable]


def version_key(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def interpreter(version: str) -> str | None:
    """The path of this version's interpreter, on PATH or among pyenv's."""
    on_path = shutil.which(f"python{version}")
    pyenv = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/{version}.*/bin/python"))
    for candidate in filter(None, [on_path, *map(str, pyenv)]):
        # A version manager may put a name on PATH for a version that it then does not run.
        done = subprocess.run([candidate, "-c", "import sys; print(sys.executable)"], capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.strip()
    return None


def interpreter_for(project: BakedProject) -> str:
    """Strategies take turns, so that each driver meets the oldest Python and the newest."""
    choices = interpreters()
    return choices[list(STRATEGIES).index(project.combination.pooling_strategy) % len(choices)]


@cache
def environment(project: BakedProject) -> Path:
    """The interpreter of an environment with the project's dependencies, made when first asked for.

    They are compiled: the tests start hundreds of processes, some where PYTHONDONTWRITEBYTECODE is set.
    """
    base = interpreter_for(project)
    dependencies = re.findall(r'^    "(.+)",$', project.read("pyproject.toml"), re.MULTILINE)
    name = hashlib.sha256("\n".join([base, *dependencies]).encode()).hexdigest()[:16]
    folder = CACHE / name
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / f"{name}.lock"):
        subprocess.run(
            [sys.executable, *SYNC, "--python", base, "--project", project.path],
            env=os.environ | {"UV_PROJECT_ENVIRONMENT": str(folder)},
            check=True,
        )
    return folder / "bin" / "python"
