"""The files that other programs read: pipelines and Compose."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from combinations import CONTEXT, TEMPLATE

FILES = {"github_actions": ".github/workflows/ci.yaml", "cloud_build": "cloudbuild.yaml"}

SCHEMAS = {
    ".github/workflows/ci.yaml": "vendor.github-workflows",
    "cloudbuild.yaml": "vendor.cloudbuild",
    "compose.yaml": "vendor.compose-spec",
}


@pytest.fixture(params=CONTEXT["pipeline"])
def pipeline(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def service(cookies: Any, pipeline: str) -> Path:
    result = cookies.bake(extra_context={"pipeline": pipeline}, template=str(TEMPLATE))
    assert result.exception is None
    path: Path = result.project_path
    return path


def test_only_the_chosen_pipeline_is_there(service: Path, pipeline: str) -> None:
    assert {name for name, file in FILES.items() if (service / file).exists()} == {pipeline}


def test_files_follow_their_schemas(service: Path) -> None:
    for file, schema in SCHEMAS.items():
        if (service / file).exists():
            assert_valid(service / file, schema)


def test_own_workflow_follows_its_schema() -> None:
    assert_valid(TEMPLATE / ".github" / "workflows" / "ci.yaml", "vendor.github-workflows")


def assert_valid(file: Path, schema: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
