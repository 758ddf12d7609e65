"""Python environments with a rendered service's own dependencies, shared by the services that have the same."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from filelock import FileLock

from combinations import (
    CONTEXT,
    DRIVERS,
    FIRST_PROVIDER,
    FRAMEWORKS,
    LIVE,
    REST,
    TEMPLATE,
    BakedProject,
    Combination,
)

CACHE = TEMPLATE / ".cache" / "environments"

#: The folder that renders to a service.
SERVICE = TEMPLATE / "{{cookiecutter.project_slug}}"


@cache
def interpreters() -> list[str]:
    """The oldest and the newest Python for services that this machine has, or this one where it has none of them."""
    versions = sorted({oldest_python(), *CONTEXT["python_version"]}, key=version_key)
    found = [path for version in versions if (path := interpreter(version))]
    return [found[0], found[-1]] if found else [sys.executable]


def oldest_python() -> str:
    """The oldest Python on which a service runs; its image has one of those that the template asks for."""
    declared = re.search(r'requires-python = ">=([\d.]+)"', (SERVICE / "pyproject.toml").read_text(encoding="utf-8"))
    assert declared
    return declared[1]


def version_key(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def interpreter(version: str) -> str | None:
    """The path of this version's interpreter, on PATH or among pyenv's."""
    on_path = shutil.which(f"python{version}")
    pyenv = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/{version}.*/bin/python"))
    for candidate in filter(None, [on_path, *map(str, pyenv)]):
        # A version manager may put a name on PATH for a version that it then does not run.
        done = subprocess.run(
            [candidate, "-c", "import sys; print(sys.executable)"], capture_output=True, encoding="utf-8"
        )
        if done.returncode == 0:
            return done.stdout.strip()
    return None


def interpreter_for(combination: Combination) -> str:
    """Combinations of a framework and flavour take turns, so that each meets the oldest Python and the newest."""
    alike = [other for other in LIVE + REST if other.framework_flavour == combination.framework_flavour]
    choices = interpreters()
    return choices[alike.index(replace(combination, provider=FIRST_PROVIDER)) % len(choices)]


@cache
def environment(project: BakedProject) -> Path:
    """The interpreter of an environment with the project's dependencies, made when first asked for."""
    return made(interpreter_for(project.combination), requirements_of(project))


@cache
def type_checker(project: BakedProject) -> Path:
    """The interpreter of one environment for the types of every combination, which learns each library only once.

    That each service declares what it imports, test_output sees.
    """
    rows = [row for table in (FRAMEWORKS, DRIVERS) for row in table.values()]
    everything = {*requirements_of(project), *(requirement for row in rows for requirement in row["requirements"])}
    return made(interpreters()[-1], sorted(everything))


def requirements_of(project: BakedProject) -> list[str]:
    declared = tomllib.loads(project.read("pyproject.toml"))
    groups = declared["tool"]["uv"]["default-groups"]
    in_groups = [requirement for group in groups for requirement in declared["dependency-groups"][group]]
    return [*declared["project"]["dependencies"], *in_groups]


def made(base: str, requirements: Sequence[str]) -> Path:
    """An environment with these requirements, shared by all who ask for the same.

    It is compiled: the tests start hundreds of processes, some where PYTHONDONTWRITEBYTECODE is set.
    """
    name = hashlib.sha256("\n".join([base, *requirements]).encode()).hexdigest()[:16]
    folder = CACHE / name
    python = folder / "bin" / "python"
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / f"{name}.lock"):
        if not python.exists():
            uv("venv", "--python", base, str(folder))
        uv("pip", "install", "--compile-bytecode", "--python", str(python), *requirements)
    return python


def uv(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "uv", *arguments, "--quiet"], check=True)
