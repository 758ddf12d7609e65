"""Each combination's own types and tests, with its own dependencies."""

import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree

from combinations import TEMPLATE, Combination, each_combination
from conftest import Bake, RecordProperty
from environments import environment
from servers import find_servers

TYPE_CACHE = TEMPLATE / ".cache" / "mypy"


@each_combination
def test_types_are_strict(bake: Bake, combination: Combination) -> None:
    project = bake(combination)
    python = environment(project)
    # Services with the same dependencies share what mypy has learned of them.
    cache = TYPE_CACHE / python.parent.parent.name
    command = [str(python), "-m", "mypy", "--cache-dir", str(cache)]
    done = subprocess.run(command, cwd=project.path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@each_combination
def test_own_tests_pass(bake: Bake, combination: Combination, tmp_path: Path, record_property: RecordProperty) -> None:
    project = bake(combination)
    report = tmp_path / "report.xml"
    command = [str(environment(project)), "-m", "pytest", "-p", "no:cacheprovider", f"--junit-xml={report}"]
    settings = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=project.path, env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
    if combination.endpoint == "pooled" and find_servers():
        assert "behind PgBouncer" in done.stdout
    [suite] = ElementTree.parse(report).getroot().iter("testsuite")
    assert suite.get("skipped") == "0"
    record_property(f"{combination}  own tests", f"{suite.get('tests')} passed")
