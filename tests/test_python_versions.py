"""A service's code is the same for each Python of its image, and runs on the oldest that the service declares."""

import subprocess
import sys
from pathlib import Path

import pytest

from combinations import CONTEXT, FLAVOURS, FRAMEWORKS, Combination, rendered
from conftest import Bake
from environments import CACHE, type_checker, version_key

#: What a newer Python writes in another way, which an older one does not understand.
OLD_SYNTAX = """\
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Box(Generic[Item]):
    def copy(self) -> "Box[Item]":
        try:
            return Box()
        except (OSError, ValueError):
            raise
"""

DEFAULT, *_ = CONTEXT["python_version"]
OLDEST, *_, NEWEST = sorted(CONTEXT["python_version"], key=version_key)


@pytest.mark.parametrize("combination", FLAVOURS, ids=str)
def test_only_the_image_and_the_type_checker_know_the_version(
    bake: Bake, tmp_path: Path, combination: Combination
) -> None:
    """So what ruff finds in a service for one version, it finds for all."""
    default, newest = bake(combination), rendered(combination, tmp_path, python_version=NEWEST)
    differing = {path for path, text in newest.files.items() if text != default.files[path]}
    # The first records the answers.
    assert differing == {".template.json", "Dockerfile", "pyproject.toml"}
    assert newest.read("Dockerfile") == default.read("Dockerfile").replace(f"python:{DEFAULT}-", f"python:{NEWEST}-")
    assert newest.read("pyproject.toml") == default.read("pyproject.toml").replace(
        f'\npython_version = "{DEFAULT}"\n', f'\npython_version = "{NEWEST}"\n'
    )


@pytest.mark.parametrize("command", ["check --fix", "format"])
def test_ruff_leaves_what_the_oldest_python_needs(tmp_path: Path, command: str) -> None:
    project = rendered(FLAVOURS[0], tmp_path, python_version=NEWEST)
    file = project.path / "app" / "box.py"
    file.write_text(OLD_SYNTAX, encoding="utf-8")
    subprocess.run([sys.executable, "-m", "ruff", *command.split(), "--no-cache", file], cwd=project.path, check=True)
    assert file.read_text(encoding="utf-8") == OLD_SYNTAX


@pytest.mark.parametrize("python_version", [OLDEST, NEWEST])
def test_types_are_strict(tmp_path: Path, python_version: str) -> None:
    """For the default version, test_services checks each combination."""
    for framework in FRAMEWORKS:
        combination = next(combination for combination in reversed(FLAVOURS) if combination.framework == framework)
        project = rendered(combination, tmp_path, python_version=python_version)
        # One folder for each version: they may run at the same time. Whole paths, as in test_services.
        cache = CACHE.parent / "mypy" / python_version
        files = [project.path / folder for folder in ("app", "dev", "migrations", "tests")]
        command: list[str | Path] = [type_checker(project), "-m", "mypy", "--cache-dir", cache, *files]
        done = subprocess.run(command, cwd=project.path, capture_output=True, encoding="utf-8")
        assert done.returncode == 0, f"{combination}\n{done.stdout}{done.stderr}"
