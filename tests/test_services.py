"""Each combination's types, and its own tests with its own dependencies."""

import os
import subprocess
import tomllib
from pathlib import Path
from xml.etree import ElementTree

from combinations import TEMPLATE, Combination, each_type, each_without_an_owner
from conftest import Bake, RecordProperty
from environments import environment, type_checker
from servers import find_servers

#: One for each process of the test run: mypy does not share its cache with another that runs at the same time.
TYPE_CACHE = TEMPLATE / ".cache" / "mypy" / os.environ.get("PYTEST_XDIST_WORKER", "")


@each_type
def test_types_are_strict(bake: Bake, combination: Combination) -> None:
    project = bake(combination)
    # By their whole paths: mypy takes a file of the same path, size and second for one that it has seen.
    files = [
        str(project.path / folder) for folder in tomllib.loads(project.read("pyproject.toml"))["tool"]["mypy"]["files"]
    ]
    command = [str(type_checker(project)), "-m", "mypy", "--cache-dir", str(TYPE_CACHE), *files]
    done = subprocess.run(command, cwd=project.path, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr


@each_without_an_owner
def test_own_tests_pass(bake: Bake, combination: Combination, tmp_path: Path, record_property: RecordProperty) -> None:
    project = bake(combination)
    report = tmp_path / "report.xml"
    # The embedded Postgres knows nothing of the combination; the services of test_owner_path.py test it.
    options = ["-p", "no:cacheprovider", f"--junit-xml={report}", "--ignore=tests/test_postgres.py"]
    command = [str(environment(project)), "-m", "pytest", *options]
    settings = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=project.path, env=settings, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
    if combination.endpoint == "pooled" and find_servers():
        assert "behind PgBouncer" in done.stdout
    [suite] = ElementTree.parse(report).getroot().iter("testsuite")
    assert suite.get("skipped") == "0"
    record_property(f"{combination}  own tests", f"{suite.get('tests')} passed")
