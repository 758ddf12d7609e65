"""Any slug that fits makes a service that works, whatever else has that name."""

import json
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from combinations import CONTEXT, FLAVOURS, SUPPORTED, Combination, rendered
from conftest import Bake
from environments import environment, uv

#: Words that are no text in YAML 1.1, which gcloud reads, and no shorter than a slug.
YAML_WORDS = ["null", "true", "false", "yes", "off"]

#: What the names of all services' distributions end with.
SUFFIX = "-on-cloud-run"


def renamed(node: Any, slug: str) -> Any:
    """The same YAML for another slug."""
    match node:
        case dict():
            return {key: renamed(value, slug) for key, value in node.items()}
        case list():
            return [renamed(value, slug) for value in node]
        case str():
            return node.replace("notes-service", slug)
    return node


@pytest.mark.parametrize("pipeline", CONTEXT["pipeline"])
@pytest.mark.parametrize("slug", YAML_WORDS)
def test_slug_is_text_in_every_yaml_file(tmp_path: Path, bake: Bake, slug: str, pipeline: str) -> None:
    files = rendered(SUPPORTED[0], tmp_path, project_slug=slug, pipeline=pipeline).files
    usual = bake(SUPPORTED[0], pipeline).files
    manifests = [name for name in usual if name.endswith((".yaml", ".yml"))]
    assert "deploy/service.yaml" in manifests
    for name in manifests:
        assert yaml.safe_load(files[name]) == renamed(yaml.safe_load(usual[name]), slug), name


@pytest.mark.parametrize("combination", FLAVOURS, ids=str)
def test_no_package_that_a_service_needs_has_a_name_like_a_service(bake: Bake, combination: Combination) -> None:
    project = bake(combination)
    name = tomllib.loads(project.read("pyproject.toml"))["project"]["name"]
    assert name == f"notes-service{SUFFIX}"
    listing = "import importlib.metadata as m, json; print(json.dumps([d.name for d in m.distributions()]))"
    done = subprocess.run([environment(project), "-c", listing], capture_output=True, encoding="utf-8", check=True)
    packages = json.loads(done.stdout)
    assert "uvicorn" in packages
    assert not [package for package in packages if package.lower().replace("_", "-").endswith(SUFFIX)]


@pytest.mark.parametrize("slug", ["ruff", "starlette", "mako"])
def test_service_with_the_name_of_a_package_locks_that_package(tmp_path: Path, slug: str) -> None:
    project = rendered(SUPPORTED[0], tmp_path, project_slug=slug)
    uv("lock", "--project", str(project.path))
    packages = tomllib.loads((project.path / "uv.lock").read_text(encoding="utf-8"))["package"]
    assert [list(package["source"]) for package in packages if package["name"] == slug] == [["registry"]]
