"""What the tools of each file format find in raw rendered output: nothing."""

import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from combinations import CONTEXT, SUPPORTED, TEMPLATE, Combination, each_combination
from conftest import Bake

TOOLS = Path(sys.executable).parent

#: Command, and the files that it reads.
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
    "Cloud Build schema": (["check-jsonschema", "--builtin-schema", "vendor.cloudbuild"], ["cloudbuild*.yaml"]),
    "Compose schema": (["check-jsonschema", "--builtin-schema", "vendor.compose-spec"], ["compose.yaml"]),
    "Renovate schema": (["check-jsonschema", "--builtin-schema", "vendor.renovate"], ["renovate.json"]),
}

#: A file that each linter must object to.
FAULTY = {
    "hadolint": ("Dockerfile", "FROM python:latest\nRUN cd /tmp\n"),
    "shellcheck": ("deploy/deploy.sh", "#!/bin/bash\nrm $1\n"),
    "yamllint": ("compose.yaml", "services:  {}\nservices: {}\n"),
    "zizmor": (".github/workflows/ci.yaml", "on: push\njobs:\n  a:\n    runs-on: x\n    steps: [{uses: a/b@v1}]\n"),
    "workflow schema": (".github/workflows/ci.yaml", "on: push\njobs: {a: {steps: 1}}\n"),
    "Cloud Build schema": ("cloudbuild.yaml", "steps: [{script: 1}]\n"),
    "Compose schema": ("compose.yaml", "services: {a: {ports: 1}}\n"),
    "Renovate schema": ("renovate.json", '{"extends": 1}\n'),
}

#: As long as answers may be, which is what breaks a line.
LONG_NAMES = {
    "project_slug": "a-very-long-name-for-a-service-of-37c",
    "gcp_project_id": "a-project-id-of-30-characters1",
    "gcp_region": "northamerica-northeast1",
}


@cache
def findings(linter: str, texts: frozenset[tuple[str, str]]) -> str:
    """What the linter prints of these files where it is not content. Many combinations have the same."""
    if not texts:
        return ""
    command, _ = LINTERS[linter]
    with TemporaryDirectory() as folder:
        for path, text in texts:
            file = Path(folder) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        files = sorted(path for path, _ in texts)
        command = [str(TOOLS / command[0]), *command[1:], *files]
        done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8")
    return done.stdout + done.stderr if done.returncode else ""


def texts_for(linter: str, folder: Path) -> frozenset[tuple[str, str]]:
    """The files in the folder that the linter reads; none where they are another pipeline's."""
    _, patterns = LINTERS[linter]
    files = {file for pattern in patterns for file in folder.glob(pattern)}
    return frozenset((str(file.relative_to(folder)), file.read_text(encoding="utf-8")) for file in files)


@each_combination
@pytest.mark.parametrize("linter", LINTERS)
def test_linter_finds_nothing(bake: Bake, combination: Combination, linter: str) -> None:
    for pipeline in CONTEXT["pipeline"]:
        assert not findings(linter, texts_for(linter, bake(combination, pipeline).path))


@pytest.mark.parametrize("linter", LINTERS)
def test_linter_finds_nothing_where_names_are_long(cookies_session: Any, linter: str) -> None:
    for pipeline in CONTEXT["pipeline"]:
        result = cookies_session.bake(extra_context={**LONG_NAMES, "pipeline": pipeline}, template=str(TEMPLATE))
        assert not findings(linter, texts_for(linter, result.project_path))


@pytest.mark.parametrize("linter", LINTERS)
def test_linter_reads_files(bake: Bake, linter: str) -> None:
    """A pattern that matches nothing would find nothing."""
    assert any(texts_for(linter, bake(SUPPORTED[0], pipeline).path) for pipeline in CONTEXT["pipeline"])


@pytest.mark.parametrize("linter", LINTERS)
def test_linter_objects_to_a_faulty_file(linter: str) -> None:
    assert findings(linter, frozenset([FAULTY[linter]]))


@pytest.mark.parametrize("linter", ["zizmor", "workflow schema", "Renovate schema"])
def test_own_file_is_without_findings(linter: str) -> None:
    assert not findings(linter, texts_for(linter, TEMPLATE))
