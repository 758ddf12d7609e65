"""What Renovate finds in this repository, by the patterns of renovate.json, whose files are no plain manifests."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from combinations import CONTEXT, SUPPORTED, TEMPLATE
from conftest import Bake

CONFIG: dict[str, Any] = json.loads((TEMPLATE / "renovate.json").read_text(encoding="utf-8"))

SERVICE = TEMPLATE / "{{cookiecutter.project_slug}}"

#: What its manager for Cloud Build reads without being told.
CLOUD_BUILD = "/(^|/)cloudbuild\\.ya?ml/"

#: A requirement: a name, extras, the oldest version, and where it holds.
REQUIREMENT = re.compile(r"([a-z0-9-]+)(?:\[[a-z]+\])?>=([0-9.]+)(?:; .+)?")


def as_python(pattern: str) -> str:
    """A pattern of JavaScript, with the slashes that mark it, as Python writes it."""
    return pattern.removeprefix("/").removesuffix("/").replace("(?<", "(?P<")


def is_read(path: Path, patterns: list[str], root: Path = TEMPLATE) -> bool:
    return any(re.search(as_python(pattern), path.relative_to(root).as_posix()) for pattern in patterns)


def read_from(path: Path) -> set[tuple[str, str]]:
    """The names and versions that the custom manager finds in a file."""
    [manager] = CONFIG["customManagers"]
    assert is_read(path, manager["managerFilePatterns"])
    [pattern] = manager["matchStrings"]
    found = re.finditer(as_python(pattern), path.read_text(encoding="utf-8"))
    return {(match["depName"], match["currentValue"]) for match in found}


def strings_in(value: object) -> list[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for item in value for text in strings_in(item)]
    return [value] if isinstance(value, str) else []


def requirements_among(texts: list[str]) -> set[tuple[str, str]]:
    return {(match[1], match[2]) for text in texts if (match := REQUIREMENT.fullmatch(text))}


def test_every_requirement_of_the_tables_is_read() -> None:
    required = requirements_among(strings_in(CONTEXT))
    assert required
    assert read_from(TEMPLATE / "cookiecutter.json") == required


def test_every_requirement_of_the_tests_is_read() -> None:
    groups = tomllib.loads((TEMPLATE / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    assert read_from(TEMPLATE / "pyproject.toml") == requirements_among(strings_in(groups))


def test_every_requirement_that_only_a_service_has_is_read() -> None:
    path = SERVICE / "pyproject.toml"
    written = re.findall(r'^ +"(.*>=.*)",$', path.read_text(encoding="utf-8"), re.MULTILINE)
    assert written
    assert read_from(path) == requirements_among(written)


def test_every_workflow_with_an_action_is_read() -> None:
    own = ["/^\\.github/workflows/"]
    patterns = own + CONFIG["github-actions"]["managerFilePatterns"]
    folders = (TEMPLATE / ".github", SERVICE / ".github", TEMPLATE / "templates")
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    with_actions = [file for file in files if "uses: " in file.read_text(encoding="utf-8")]
    assert len(with_actions) > 2
    assert [file for file in with_actions if not is_read(file, patterns)] == []


def test_build_that_releases_is_read_before_it_is_rendered() -> None:
    [path] = [path for path in SERVICE.iterdir() if "cloudbuild.yaml" in path.name]
    assert is_read(path, CONFIG["cloudbuild"]["managerFilePatterns"])
    steps = yaml.safe_load(path.read_text(encoding="utf-8"))["steps"]
    assert all("@sha256:" in step["name"] for step in steps)


@pytest.mark.parametrize("config", [TEMPLATE / "renovate.json", SERVICE / "renovate.json"], ids=["own", "service"])
def test_weekly_version_of_gcloud_is_a_small_update(config: Path) -> None:
    rules = json.loads(config.read_text(encoding="utf-8"))["packageRules"]
    [rule] = [
        rule for rule in rules if rule.get("matchPackageNames") == ["gcr.io/google.com/cloudsdktool/google-cloud-cli"]
    ]
    assert rule["groupName"] == "small updates"


def test_every_build_of_a_service_is_read(bake: Bake) -> None:
    project = bake(SUPPORTED[0], "cloud_build")
    patterns = [CLOUD_BUILD, *json.loads(project.read("renovate.json"))["cloudbuild"]["managerFilePatterns"]]
    builds = [
        path for path in project.path.glob("*.yaml") if "steps" in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]
    assert len(builds) == 2
    assert [path for path in builds if not is_read(path, patterns, project.path)] == []
