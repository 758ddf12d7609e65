"""The scripts with the real gcloud, where it is installed: its flags, and releases on an API of the tests' own."""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
import yaml

from cloud import Cloud
from cloud_command import DIGEST
from combinations import CONTEXT, RENDERED, SUPPORTED, BakedProject, Combination
from conftest import Bake
from run_api import RunAPI

GCLOUD = shutil.which("gcloud") or ""

pytestmark = pytest.mark.skipif(
    not GCLOUD, reason="Install the Google Cloud SDK to test what gcloud makes of the scripts."
)


def printed_commands(cloud: Cloud) -> Iterator[list[str]]:
    """The gcloud commands that the scripts print in a dry run."""
    runs = (
        ["deploy.sh", "--steps", "10"],
        ["deploy.sh", "rollback"],
        ["bootstrap.sh"],
        ["bootstrap.sh", "pipeline", "owner/repository"],
        ["bootstrap.sh", "secret", "DATABASE_URL"],
    )
    for script, *arguments in runs:
        done = cloud.run(script, "--dry-run", *arguments, SMOKE_TEST_ACCOUNT="ci@example.invalid")
        assert done.returncode == 0, done.stderr
        for line in done.stderr.splitlines():
            if line.startswith("gcloud "):
                yield shlex.split(line)


#: A command on a line of its own, which may go on after a backslash, and one inside another.
DOCUMENTED = re.compile(
    r"^ {4,8}(?:- run: )?(?P<line>gcloud (?:[^\n\\]|\\\n)+)|\$\((?P<inside>gcloud (?:[^()]|\([^()]*\))+)\)",
    re.MULTILINE,
)


def documented_commands(project: BakedProject) -> Iterator[list[str]]:
    """The gcloud commands in the files that people and pipelines read."""
    for path, text in project.files.items():
        if path.endswith((".md", ".yaml")):
            for found in DOCUMENTED.finditer(text):
                yield shlex.split((found["line"] or found["inside"]).replace("\\\n", ""))


def awaiting_commands(cloud: Cloud) -> Iterator[list[str]]:
    """The gcloud commands by which a release waits for the tests, where they have a build of their own."""
    if (cloud.service / "deploy" / "await_tests.sh").exists():
        testing = {"notes-service-test": "owner repository account"}
        cloud.state = cloud.state | {"triggers": testing, "builds": [["SUCCESS"]]}
        assert cloud.run("await_tests.sh", "5e" * 20).returncode == 0
        yield from (call.command for call in cloud.calls())


def findings(commands: list[list[str]], folder: Path) -> list[str]:
    """What gcloud itself has against these commands."""
    file = folder / "commands.json"
    file.write_text(json.dumps([{"command_string": joined(command)} for command in commands]), encoding="utf-8")
    done = subprocess.run(
        [GCLOUD, "meta", "lint-gcloud-commands", f"--commands-file={file}"],
        env=os.environ | {"CLOUDSDK_CONFIG": str(folder), "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true"},
        capture_output=True,
        encoding="utf-8",
    )
    results = json.loads(done.stdout)
    assert {result["command_string"] for result in results} == {joined(command) for command in commands}
    return [f"{result['command_string']}: {result['error_message']}" for result in results if not result["success"]]


def joined(command: list[str]) -> str:
    """The command as the linter reads it: only the value of a flag may be quoted."""
    flags = (word.partition("=") if word.startswith("--") else ("", "", word) for word in command)
    return " ".join(f"{name}{sign}{shlex.quote(value) if value else ''}" for name, sign, value in flags)


#: One for each way to sign in to the database.
PROJECTS = [SUPPORTED[0], next(c for c in RENDERED if c.provider == "cloud_sql")]


@pytest.mark.parametrize(
    ("combination", "pipeline"), [*product(PROJECTS[:1], CONTEXT["pipeline"]), (PROJECTS[1], CONTEXT["pipeline"][0])]
)
def test_gcloud_knows_every_command_and_flag(
    bake: Bake, tmp_path: Path, combination: Combination, pipeline: str
) -> None:
    project = bake(combination, pipeline)
    cloud = Cloud(tmp_path, project.path)
    commands = [*printed_commands(cloud), *awaiting_commands(cloud), *documented_commands(project)]
    # The manifests come by standard input, which the linter does not read.
    manifests = {"services": "service.yaml", "jobs": "migrate-job.yaml"}
    for command in commands:
        if "-" in command:
            command[command.index("-")] = str(project.path / "deploy" / manifests[command[2]])
    assert len(commands) > 50
    assert not findings(commands, tmp_path)


def test_gcloud_would_not_accept_a_wrong_flag(tmp_path: Path) -> None:
    assert findings([["gcloud", "run", "services", "list", "--regions=us-east4"]], tmp_path)


class RealCloud(Cloud):
    """The same commands, except that gcloud is the real one and talks to an API of the tests' own."""

    def __init__(self, folder: Path, service: Path, api: RunAPI) -> None:
        super().__init__(folder, service)
        gcloud = self.commands / "gcloud"
        recorded = gcloud.read_text(encoding="utf-8").splitlines()[-1]
        # Only a real account has identity tokens.
        gcloud.write_text(
            f'#!/bin/sh\n[ "$2" = print-identity-token ] || exec "{GCLOUD}" "$@"\n{recorded}\n', encoding="utf-8"
        )
        (folder / "access-token").write_text("not-a-real-access-token", encoding="utf-8")
        self.environment = api.environment(str(folder))

    def release(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("deploy.sh", *arguments, **self.environment)


@pytest.fixture
def api() -> Iterator[RunAPI]:
    with RunAPI() as api:
        yield api


@pytest.fixture
def cloud(bake: Bake, tmp_path: Path, api: RunAPI) -> RealCloud:
    return RealCloud(tmp_path, bake(SUPPORTED[0]).path, api)


def test_releases_and_a_rollback_go_through_with_the_real_gcloud(cloud: RealCloud, api: RunAPI) -> None:
    done = cloud.release()
    assert done.returncode == 0, done.stderr
    [(first, percent)] = api.shares("notes-service").items()
    assert percent == 100
    assert api.tags("notes-service") == {}
    done = cloud.release("--steps", "10", "--pause", "0")
    assert done.returncode == 0, done.stderr
    [(second, percent)] = api.shares("notes-service").items()
    assert percent == 100
    assert second != first
    assert api.tags("notes-service") == {"previous": first}
    assert cloud.release("rollback").returncode == 0
    assert api.shares("notes-service") == {first: 100}
    assert api.tags("notes-service") == {"previous": second}
    assert sum(kind == "executions" for kind, _ in api.resources) == 2


def test_traffic_of_the_manifest_s_own_moves_nothing(cloud: RealCloud, api: RunAPI, tmp_path: Path) -> None:
    """gcloud takes the first of two keys: the manifest's, and not the release's."""
    old = {"revisionName": "notes-service-old", "percent": 100}
    cloud.service = shutil.copytree(cloud.service / "deploy", tmp_path / "service" / "deploy").parent
    file = cloud.service / "deploy" / "service.yaml"
    text = file.read_text(encoding="utf-8")
    api.serve(yaml.safe_load(text), old)
    own = "spec:\n  traffic:\n    - latestRevision: true\n      percent: 100\n"
    file.write_text(text.replace("\nspec:\n", f"\n{own}"), encoding="utf-8")
    before = dict(api.resources)
    done = cloud.release("--image", f"us-east4-docker.pkg.dev/my-gcp-project/notes-service/service@{DIGEST}")
    assert done.returncode != 0
    assert api.shares("notes-service") == {"notes-service-old": 100}
    assert api.resources == before


def test_revision_that_does_not_start_leaves_the_traffic_and_the_way_back(cloud: RealCloud, api: RunAPI) -> None:
    old = {"revisionName": "notes-service-old", "percent": 100}
    older = {"revisionName": "notes-service-older", "tag": "previous"}
    api.serve(yaml.safe_load((cloud.service / "deploy" / "service.yaml").read_text(encoding="utf-8")), old, older)
    api.starts = False
    done = cloud.release()
    assert done.returncode != 0
    assert "failed while deploying a revision without traffic" in done.stderr
    assert "The traffic is where it was" in done.stderr
    assert api.shares("notes-service") == {"notes-service-old": 100}
    # gcloud reports a failure for as long as the latest revision is one that did not start; the traffic moves.
    done = cloud.release("rollback")
    assert done.returncode == 0, done.stderr
    assert api.shares("notes-service") == {"notes-service-older": 100}
    assert api.tags("notes-service") == {"previous": "notes-service-old"}


def test_first_release_that_does_not_start_can_be_followed_by_one_that_does(cloud: RealCloud, api: RunAPI) -> None:
    api.starts = False
    done = cloud.release()
    assert done.returncode != 0
    assert "No revision of notes-service served before this release." in done.stderr
    api.starts = True
    done = cloud.release()
    assert done.returncode == 0, done.stderr
    assert list(api.shares("notes-service").values()) == [100]
