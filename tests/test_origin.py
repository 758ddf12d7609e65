"""What .template.json of a service says, and what it never says."""

import json
import os
import shutil
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudrun_postgres_template.origin import public_url
from combinations import CONTEXT, TEMPLATE
from template_history import Scene, copied_template

RECORD = ".template.json"

#: No character of a secret here is a character of the URL around it.
SECRETS = st.text(min_size=1).map(lambda text: f"SECRET{quote(text, safe='')}")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = Scene(tmp_path)
    scene.prepare()
    return scene


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """This template as a folder that is no clone, with one file of the service."""
    return copied_template(tmp_path / "template", kept=[RECORD])


def record_of(scene: Scene, template: Path, **environment: str) -> dict[str, Any]:
    service = scene.render(template, scene.folder / "made", {}, **environment)
    record: dict[str, Any] = json.loads((service / RECORD).read_text(encoding="utf-8"))
    return record


def test_record_has_the_place_the_version_the_commit_and_the_answers(scene: Scene, template: Path) -> None:
    commit = scene.commit(template)
    scene.must(template, "git", "remote", "add", "origin", "https://example.com/owner/template.git")
    record = record_of(scene, template)
    answers = record.pop("answers")
    assert record == {
        "template": "https://example.com/owner/template.git",
        "version": tomllib.loads((TEMPLATE / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"],
        "commit": commit,
    }
    assert list(answers) == [question for question in CONTEXT if not question.startswith("_")]
    assert all(isinstance(answer, str) for answer in answers.values())


def test_folder_that_is_no_clone_has_no_place_and_no_commit(scene: Scene, template: Path) -> None:
    record = record_of(scene, template)
    assert (record["template"], record["commit"]) == (None, None)


def test_folder_in_another_repository_has_not_its_commit(scene: Scene, template: Path) -> None:
    scene.commit(scene.folder)
    assert record_of(scene, template)["commit"] is None


def test_repository_of_a_git_hook_is_not_taken_for_the_template(scene: Scene, template: Path) -> None:
    commit = scene.commit(template)
    (scene.folder / "other").mkdir()
    scene.commit(scene.folder / "other", "other")
    assert record_of(scene, template, GIT_DIR=str(scene.folder / "other" / ".git"))["commit"] == commit


def test_machine_without_git_renders_a_service(scene: Scene, template: Path) -> None:
    scene.commit(template)
    assert record_of(scene, template, PATH=os.devnull)["commit"] is None


def test_linked_work_tree_has_its_own_commit(scene: Scene, template: Path) -> None:
    first = scene.commit(template)
    scene.must(template, "git", "worktree", "add", "--quiet", "--detach", str(scene.folder / "linked"))
    scene.commit(template, "later")
    assert record_of(scene, scene.folder / "linked")["commit"] == first


def test_template_given_by_a_relative_path_has_its_commit(scene: Scene, template: Path) -> None:
    commit = scene.commit(template)
    assert record_of(scene, template.relative_to(scene.folder))["commit"] == commit


def test_path_of_this_machine_is_not_recorded(scene: Scene, template: Path) -> None:
    scene.commit(template)
    scene.must(scene.folder, "git", "clone", "--quiet", str(template), "clone")
    shutil.rmtree(template)
    text = json.dumps(record_of(scene, scene.folder / "clone"))
    assert str(scene.folder) not in text


@given(user=SECRETS, password=SECRETS, query=SECRETS)
@pytest.mark.parametrize("scheme", ["http", "https", "HTTPS", "git"])
def test_secret_of_a_url_is_not_recorded(scheme: str, user: str, password: str, query: str) -> None:
    for information in (f"{user}@", f"{user}:{password}@", f":{password}@", f"{user}@{password}@", ""):
        url = f"{scheme}://{information}example.com:8443/owner/template.git?token={query}#{query}"
        assert public_url(url) == f"{scheme}://example.com:8443/owner/template.git"


@given(password=SECRETS)
def test_user_of_an_ssh_url_is_recorded_without_the_password(password: str) -> None:
    assert public_url(f"ssh://git:{password}@example.com/template.git") == "ssh://git@example.com/template.git"
    assert public_url("git@example.com:owner/template.git") == "git@example.com:owner/template.git"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/home/owner/template",
        "../template",
        "template",
        "~/template",
        "C:\\template",
        "C:/template",
        "owner:template",
        "file:///home/owner/template",
        "\\\\server\\template",
        "ext::sh -c whoami",
        "-u",
    ],
)
def test_what_others_cannot_reach_is_not_recorded(path: str) -> None:
    assert public_url(path) is None
