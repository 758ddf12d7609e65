"""What the tools of each file format find in raw rendered output: nothing."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from combinations import CONTEXT, SUPPORTED, TEMPLATE, Combination, each_combination
from conftest import Bake

TOOLS = Path(sys.executable).parent

#: Command, and the files that it reads. Each runs in the service's folder; where none of the files is there, it is not
#: the chosen pipeline's.
WORKFLOWS = ".github/workflows/*.yaml"

LINTERS = {
    "hadolint": (["hadolint"], ["Dockerfile"]),
    "shellcheck": (["shellcheck", "--external-sources"], ["deploy/*.sh"]),
    "yamllint": (["yamllint", "--strict"], ["*.yaml", "deploy/*.yaml", WORKFLOWS, ".yamllint.yaml"]),
    "zizmor": (["zizmor", "--offline", "--quiet", "--persona=pedantic"], [WORKFLOWS]),
    "workflow schema": (
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows"],
        [WORKFLOWS],
    ),
    "Cloud Build schema": (["check-jsonschema", "--builtin-schema", "vendor.cloudbuild"], ["cloudbuild.yaml"]),
    "Compose schema": (["check-jsonschema", "--builtin-schema", "vendor.compose-spec"], ["compose.yaml"]),
}

#: As long as answers may be, which is what breaks a line.
LONG_NAMES = {
    "project_slug": "a-very-long-name-for-a-service-of-37c",
    "gcp_project_id": "a-project-id-of-30-characters1",
    "gcp_region": "northamerica-northeast1",
}


def findings(linter: str, folder: Path) -> str:
    """What the linter prints where it is not content."""
    command, patterns = LINTERS[linter]
    files = sorted(str(file.relative_to(folder)) for pattern in patterns for file in folder.glob(pattern))
    if not files:
        return ""
    command = [str(TOOLS / command[0]), *command[1:], *files]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else ""


@each_combination
@pytest.mark.parametrize("linter", LINTERS)
def test_linter_finds_nothing(bake: Bake, combination: Combination, linter: str) -> None:
    for pipeline in CONTEXT["pipeline"]:
        assert not findings(linter, bake(combination, pipeline).path)


@pytest.mark.parametrize("linter", LINTERS)
def test_linter_finds_nothing_where_names_are_long(cookies_session: Any, linter: str) -> None:
    for pipeline in CONTEXT["pipeline"]:
        result = cookies_session.bake(extra_context={**LONG_NAMES, "pipeline": pipeline}, template=str(TEMPLATE))
        assert not findings(linter, result.project_path)


@pytest.mark.parametrize("linter", LINTERS)
def test_linter_reads_files(bake: Bake, linter: str) -> None:
    """A pattern that matches nothing would find nothing."""
    projects = [bake(SUPPORTED[0], pipeline) for pipeline in CONTEXT["pipeline"]]
    assert any(list(project.path.glob(pattern)) for project in projects for pattern in LINTERS[linter][1])


@pytest.mark.parametrize("linter", ["zizmor", "workflow schema"])
def test_own_workflow_is_without_findings(linter: str) -> None:
    assert not findings(linter, TEMPLATE)
