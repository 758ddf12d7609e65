"""The one choice that decides which files there are."""

import re
import shutil
from itertools import permutations
from pathlib import Path

import pytest
import yaml

from combinations import CONTEXT, SUPPORTED, TEMPLATE, BakedProject
from conftest import Bake
from test_answers import cookiecutter

FILES = {name: set(row["files"]) for name, row in CONTEXT["_pipelines"].items()}

PINNED = re.compile(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


@pytest.mark.parametrize("pipeline", CONTEXT["pipeline"])
def test_only_the_files_of_the_chosen_pipeline_are_there(bake: Bake, pipeline: str) -> None:
    others = set().union(*(files for name, files in FILES.items() if name != pipeline))
    files = bake(SUPPORTED[0], pipeline).files.keys()
    assert FILES[pipeline] <= files
    assert not others & files


@pytest.mark.parametrize(("before", "after"), list(permutations(CONTEXT["pipeline"], 2)))
def test_service_that_is_rendered_again_with_another_pipeline_keeps_one(
    bake: Bake, tmp_path: Path, before: str, after: str
) -> None:
    service = shutil.copytree(bake(SUPPORTED[0], before).path, tmp_path / "notes-service")
    own = service / ".github" / "workflows" / "own.yaml"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text("# The owner's.\n", encoding="utf-8")
    answers = [f"{question}={answer}" for question, answer in SUPPORTED[0].answers.items()]
    words = cookiecutter(tmp_path, "--overwrite-if-exists", *answers, f"pipeline={after}").stdout
    expected = bake(SUPPORTED[0], after).files | {".github/workflows/own.yaml": "# The owner's.\n"}
    assert BakedProject(SUPPORTED[0], service).files == expected
    [line] = [line for line in words.splitlines() if line.startswith("Removed ")]
    assert all(file in line for file in FILES[before])


def test_service_that_is_new_is_told_of_no_other_pipeline(tmp_path: Path) -> None:
    assert "Removed" not in cookiecutter(tmp_path).stdout


#: What stands before the release: the tests, or the wait for a build of their own.
BEFORE = {"github_actions": "make check test", "cloud_build": "deploy/await_tests.sh"}


@pytest.mark.parametrize("pipeline", CONTEXT["pipeline"])
def test_pipeline_tests_before_it_releases_and_calls_the_script(bake: Bake, pipeline: str) -> None:
    texts = [text for path, text in bake(SUPPORTED[0], pipeline).files.items() if path in FILES[pipeline]]
    assert any("make check test" in text for text in texts)
    [release] = [text for text in texts if "deploy/deploy.sh" in text]
    assert release.index(BEFORE[pipeline]) < release.index("deploy/deploy.sh")
    assert "SMOKE_TEST_ACCOUNT" in release


def test_workflows_start_with_few_permissions_and_queue(bake: Bake) -> None:
    project = bake(SUPPORTED[0], "github_actions")
    for path in FILES["github_actions"]:
        workflow = yaml.safe_load(project.read(path))
        assert workflow["permissions"] == {"contents": "read"}
        assert workflow["concurrency"]["cancel-in-progress"] == (path == ".github/workflows/ci.yaml")
    release = yaml.safe_load(project.read(".github/workflows/deploy.yaml"))["jobs"]["release"]
    assert release["permissions"] == {"contents": "read", "id-token": "write"}
    assert release["needs"] == "test"


def test_actions_are_pinned_to_a_commit(bake: Bake) -> None:
    workflows = [bake(SUPPORTED[0]).read(path) for path in FILES["github_actions"]]
    workflows.append((TEMPLATE / ".github" / "workflows" / "ci.yaml").read_text(encoding="utf-8"))
    for workflow in workflows:
        assert len(PINNED.findall(workflow)) == workflow.count("uses:") > 0
