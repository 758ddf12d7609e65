"""deploy/deploy.sh and deploy/bootstrap.sh, run whole against a cloud that records what is asked of it."""

import re
import shlex
import signal
from pathlib import Path

import pytest
import yaml

from cloud import TAG_URL, Cloud
from cloud_command import DIGEST, IDENTITY_TOKEN
from combinations import CONTEXT, SUPPORTED
from conftest import Bake
from servers import wait_until

OLD = {"revisionName": "notes-service-old", "percent": 100}
IMAGE = "us-east4-docker.pkg.dev/my-gcp-project/notes-service/service"

BUILD = ["docker build", "docker push", "docker image inspect"]
MIGRATE = ["gcloud run jobs replace", "gcloud run jobs execute"]
LOOK = ["gcloud run services list", "gcloud run services describe"]
DEPLOY = [*LOOK, "gcloud run services replace", *LOOK]
SMOKE_TEST = ["gcloud auth print-identity-token", "curl"]
MOVE = ["gcloud run services update-traffic"]

RELEASE = BUILD + MIGRATE + DEPLOY + SMOKE_TEST + MOVE
FIRST_RELEASE = [action for action in RELEASE if action != "gcloud run services describe"]
FIRST_RELEASE.insert(FIRST_RELEASE.index("gcloud run services replace") + 2, "gcloud run services describe")

URL = "postgresql://user:not-a-real-password@host.invalid/notes"


@pytest.fixture
def cloud(bake: Bake, tmp_path: Path) -> Cloud:
    return Cloud(tmp_path, bake(SUPPORTED[0]).path)


def released(cloud: Cloud) -> str:
    """The name of the revision that the release deployed."""
    [manifest] = [call.stdin for call in cloud.calls() if call.action == "gcloud run services replace"]
    name: str = yaml.safe_load(manifest)["spec"]["template"]["metadata"]["name"]
    return name


def test_first_release_goes_through_every_step_in_order(cloud: Cloud) -> None:
    done = cloud.run("deploy.sh")
    assert done.returncode == 0, done.stderr
    assert cloud.actions() == FIRST_RELEASE
    assert cloud.shares() == {released(cloud): 100}
    assert cloud.tags() == {}


def test_later_release_moves_the_traffic_last_and_remembers_the_revision_before(cloud: Cloud) -> None:
    cloud.serve(OLD)
    done = cloud.run("deploy.sh")
    assert done.returncode == 0, done.stderr
    assert cloud.actions() == RELEASE
    assert cloud.shares() == {released(cloud): 100}
    assert cloud.tags() == {"previous": "notes-service-old"}


def test_new_revision_is_deployed_with_a_tag_and_no_traffic(cloud: Cloud) -> None:
    cloud.serve(OLD | {"tag": "stable"}, {"revisionName": "notes-service-failed", "tag": "candidate"})
    cloud.fail("curl")
    cloud.run("deploy.sh")
    new = released(cloud)
    assert re.fullmatch(r"notes-service-\d{8}-\d{6}", new)
    assert cloud.state["traffic"] == [OLD | {"tag": "stable"}, {"revisionName": new, "tag": "candidate"}]


def test_image_is_deployed_and_migrated_by_digest(cloud: Cloud) -> None:
    cloud.run("deploy.sh")
    manifests = {call.action: yaml.safe_load(call.stdin) for call in cloud.calls() if call.action.endswith("replace")}
    service = manifests["gcloud run services replace"]["spec"]["template"]
    job = manifests["gcloud run jobs replace"]["spec"]["template"]["spec"]["template"]
    for template in (service, job):
        assert [container["image"] for container in template["spec"]["containers"]] == [f"{IMAGE}@{DIGEST}"]


def test_manifests_are_otherwise_what_stands_in_the_files(cloud: Cloud) -> None:
    cloud.run("deploy.sh")
    for call in cloud.calls():
        if call.action.endswith("replace"):
            file = {"services": "service.yaml", "jobs": "migrate-job.yaml"}[call.command[2]]
            sent = call.stdin.replace(f"@{DIGEST}", "").partition("  traffic:\n")[0]
            sent = re.sub(r"^      name: notes-service-\d.*\n", "", sent, flags=re.MULTILINE)
            assert sent.strip() == (cloud.service / "deploy" / file).read_text().strip()


def test_smoke_test_asks_ready_on_the_tag_with_a_token_that_no_argument_shows(cloud: Cloud) -> None:
    done = cloud.run("deploy.sh")
    [smoke_test] = [call for call in cloud.calls() if call.action == "curl"]
    assert smoke_test.command[-1] == TAG_URL.format(tag="candidate") + "/ready"
    assert smoke_test.stdin.strip() == f"Authorization: Bearer {IDENTITY_TOKEN}"
    assert IDENTITY_TOKEN not in done.stdout + done.stderr + "".join(map(str, cloud.calls()))


def test_smoke_test_of_the_pipeline_asks_as_its_account(cloud: Cloud) -> None:
    cloud.run("deploy.sh", SMOKE_TEST_ACCOUNT="ci@example.invalid")
    [token] = [call for call in cloud.calls() if call.action == "gcloud auth print-identity-token"]
    assert "--impersonate-service-account=ci@example.invalid" in token.command
    assert f"--audiences={TAG_URL.format(tag='candidate')}" in token.command


def test_steps_look_again_before_each_further_one(cloud: Cloud) -> None:
    cloud.serve(OLD)
    done = cloud.run("deploy.sh", "--steps", "10,50", "--pause", "0")
    assert done.returncode == 0, done.stderr
    step = [*MOVE, "sleep", *SMOKE_TEST]
    assert cloud.actions() == RELEASE[:-1] + step + step + MOVE
    shares = [call.command[-1] for call in cloud.calls() if call.action in MOVE][:2]
    assert shares == [f"--to-revisions={released(cloud)}={percent}" for percent in (10, 50)]


@pytest.mark.parametrize("action", dict.fromkeys(RELEASE[:-1]))
def test_failure_ends_the_release_with_the_traffic_untouched(cloud: Cloud, action: str) -> None:
    cloud.serve(OLD)
    cloud.fail(action)
    done = cloud.run("deploy.sh")
    assert done.returncode != 0
    assert cloud.actions() == RELEASE[: RELEASE.index(action) + 1]
    assert cloud.shares() == {"notes-service-old": 100}
    is_deployed = RELEASE.index(action) >= RELEASE.index("gcloud run services replace")
    where = (
        "The traffic is where it was: notes-service-old=100 percent." if is_deployed else "The service is as it was."
    )
    assert where in done.stderr
    assert "gcloud logging read" in done.stderr


def test_failed_move_puts_the_traffic_back(cloud: Cloud) -> None:
    cloud.serve(OLD | {"percent": 70}, {"revisionName": "notes-service-older", "percent": 30})
    cloud.fail("sleep")
    done = cloud.run("deploy.sh", "--steps", "10")
    assert done.returncode != 0
    assert cloud.shares() == {"notes-service-old": 70, "notes-service-older": 30}
    assert "The traffic is back where it was: notes-service-old=70,notes-service-older=30 percent." in done.stderr


def test_failure_that_cannot_be_put_right_says_what_to_do_by_hand(cloud: Cloud) -> None:
    cloud.serve(OLD)
    cloud.fail(*MOVE)
    done = cloud.run("deploy.sh")
    assert done.returncode != 0
    assert "by hand" in done.stderr
    assert "--to-revisions=notes-service-old=100" in done.stderr


def test_first_release_that_fails_its_smoke_test_says_that_nothing_served_before(cloud: Cloud) -> None:
    cloud.fail("curl")
    done = cloud.run("deploy.sh")
    assert done.returncode != 0
    assert MOVE[0] not in cloud.actions()
    assert "No revision of notes-service served before this release." in done.stderr


def test_interrupted_release_puts_the_traffic_back(cloud: Cloud) -> None:
    cloud.serve(OLD)
    process = cloud.start("deploy.sh", "--steps", "10", "--pause", "60")
    assert wait_until(lambda: "sleep" in cloud.actions())
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    assert cloud.shares() == {"notes-service-old": 100}
    assert "The traffic is back where it was" in stderr


def test_manifest_that_does_not_name_the_image_is_not_deployed(cloud: Cloud, tmp_path: Path) -> None:
    cloud.serve(OLD)
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "deploy").mkdir()
    for file in (cloud.service / "deploy").iterdir():
        (copy / "deploy" / file.name).write_text(file.read_text().replace("notes-service/service", "elsewhere"))
        (copy / "deploy" / file.name).chmod(file.stat().st_mode)
    (copy / "deploy" / "common.sh").write_text((cloud.service / "deploy" / "common.sh").read_text())
    cloud.service = copy
    done = cloud.run("deploy.sh")
    assert done.returncode != 0
    assert "deploy/migrate-job.yaml does not name the image" in done.stderr
    assert cloud.actions() == BUILD


def test_rollback_returns_to_the_revision_before_and_a_second_one_undoes_it(cloud: Cloud) -> None:
    cloud.serve(OLD)
    cloud.run("deploy.sh")
    new = released(cloud)
    assert cloud.run("deploy.sh", "rollback").returncode == 0
    assert cloud.actions()[len(RELEASE) :] == LOOK + MOVE
    assert cloud.shares() == {"notes-service-old": 100}
    assert cloud.tags() == {"previous": new}
    cloud.run("deploy.sh", "rollback")
    assert cloud.shares() == {new: 100}


def test_rollback_without_an_earlier_release_is_refused(cloud: Cloud) -> None:
    cloud.run("deploy.sh")
    done = cloud.run("deploy.sh", "rollback")
    assert done.returncode == 1
    assert "no earlier release to return to" in done.stderr
    assert cloud.shares() == {released(cloud): 100}


@pytest.mark.parametrize("arguments", [["--steps", "0"], ["--steps", "10,100"], ["--steps"], ["--pause", "x"], ["up"]])
def test_wrong_argument_is_refused_before_anything_happens(cloud: Cloud, arguments: list[str]) -> None:
    done = cloud.run("deploy.sh", *arguments)
    assert done.returncode == 1
    assert arguments[0] in done.stderr.splitlines()[-1]
    assert cloud.calls() == []


def test_dry_run_prints_the_commands_of_a_release_and_runs_none(cloud: Cloud) -> None:
    printed = cloud.run("deploy.sh", "--dry-run", "--steps", "10", "--pause", "0").stderr
    assert cloud.calls() == []
    cloud.serve(OLD)
    cloud.run("deploy.sh", "--steps", "10", "--pause", "0")
    lines = [line for line in printed.splitlines() if re.match(r"(gcloud|docker|curl|sleep) ", line)]
    assert [shape(shlex.split(line)) for line in lines] == [shape(call.command) for call in cloud.calls()]


def shape(command: list[str]) -> list[str]:
    """A command without what only a real run knows."""
    unknown = r"notes-service-(old|\d{8}-\d{6})|SERVING_REVISION|CANDIDATE_URL|https://candidate[^/]*|:\d{8}-\d{6}"
    return [re.sub(unknown, "...", word) for word in command]


def test_project_is_prepared_with_the_secrets_in_standard_input_alone(cloud: Cloud) -> None:
    direct = URL.replace("/notes", "/direct")
    done = cloud.run("bootstrap.sh", typed=f"{URL}\n{direct}\n")
    assert done.returncode == 0, done.stderr
    added = {call.command[4]: call.stdin for call in cloud.calls() if call.action == "gcloud secrets versions add"}
    assert added == {"notes-service-database-url": URL, "notes-service-database-direct-url": direct}
    assert "not-a-real-password" not in done.stdout + done.stderr + "".join(map(str, cloud.calls()))


def test_each_account_may_read_just_the_secrets_that_it_needs(cloud: Cloud) -> None:
    cloud.run("bootstrap.sh", typed=f"{URL}\n{URL}\n")
    bindings = [call for call in cloud.calls() if call.action == "gcloud secrets add-iam-policy-binding"]
    readers = {(call.command[3], call.command[-1].partition("@")[0]) for call in bindings}
    assert readers == {
        ("notes-service-database-url", "--member=serviceAccount:notes-service-run"),
        ("notes-service-database-url", "--member=serviceAccount:notes-service-job"),
        ("notes-service-database-direct-url", "--member=serviceAccount:notes-service-job"),
    }


def test_project_prepared_again_creates_nothing_and_asks_for_nothing(cloud: Cloud) -> None:
    cloud.run("bootstrap.sh", typed=f"{URL}\n{URL}\n")
    first = cloud.actions()
    done = cloud.run("bootstrap.sh")
    assert done.returncode == 0, done.stderr
    again = cloud.actions()[len(first) :]
    assert {action for action in first if re.search(r"create$|versions add$", action)}
    assert not {action for action in again if re.search(r"create$|versions add$", action)}


def test_connection_string_that_is_none_is_refused_and_not_shown(cloud: Cloud) -> None:
    done = cloud.run("bootstrap.sh", typed="not-a-real-password\n")
    assert done.returncode == 1
    assert "That is no Postgres URL" in done.stderr
    assert "not-a-real-password" not in done.stderr
    assert "gcloud secrets versions add" not in cloud.actions()


def test_changed_connection_string_becomes_another_version(cloud: Cloud) -> None:
    done = cloud.run("bootstrap.sh", "secret", "DATABASE_DIRECT_URL", typed=f"{URL}\n")
    assert done.returncode == 0, done.stderr
    [call] = cloud.calls()
    assert call.action == "gcloud secrets versions add"
    assert call.command[4] == "notes-service-database-direct-url"
    assert call.stdin == URL


@pytest.mark.parametrize("pipeline", CONTEXT["pipeline"])
def test_pipeline_gets_rights_to_its_own_service_registry_and_accounts(
    bake: Bake, tmp_path: Path, pipeline: str
) -> None:
    cloud = Cloud(tmp_path, bake(SUPPORTED[0], pipeline).path)
    cloud.serve(OLD)
    for _ in range(2):
        done = cloud.run("bootstrap.sh", "pipeline", "owner/repository")
        assert done.returncode == 0, done.stderr
    roles = {(call.command[-2], call.command[1], call.command[-1]) for call in cloud.calls() if "--role" in str(call)}
    on_project = {role for role, group, _ in roles if group == "projects"}
    assert on_project <= {"--role=roles/run.developer", "--role=roles/logging.logWriter"}
    assert ("--role=roles/run.invoker", "run", f"--member=serviceAccount:{account('ci')}") in roles
    created = [call.action for call in cloud.calls() if "create" in call.action]
    assert len(created) == len(set(created)), "The second run made something again."


def account(name: str) -> str:
    return f"notes-service-{name}@my-gcp-project.iam.gserviceaccount.com"


def test_identity_federation_is_bound_to_the_repository_and_its_main_branch(cloud: Cloud) -> None:
    cloud.serve(OLD)
    cloud.run("bootstrap.sh", "pipeline", "owner/repository")
    condition = "assertion.repository == 'owner/repository' && assertion.ref == 'refs/heads/main'"
    providers = [
        call for call in cloud.calls() if call.action.startswith("gcloud iam workload-identity-pools providers")
    ]
    assert [f"--attribute-condition={condition}" in call.command for call in providers] == [False, True, True]
    [binding] = [call for call in cloud.calls() if "--role=roles/iam.workloadIdentityUser" in call.command]
    assert binding.command[-1].endswith(
        "/workloadIdentityPools/github-notes-service/attribute.repository/owner/repository"
    )


def test_pipeline_before_the_first_release_is_told_to_wait(cloud: Cloud) -> None:
    done = cloud.run("bootstrap.sh", "pipeline", "owner/repository")
    assert done.returncode == 1
    assert "make the first release with deploy/deploy.sh" in done.stderr
    assert len(cloud.calls()) == 1


@pytest.mark.parametrize("repository", ["owner", "owner/repo'sitory", "https://github.com/owner/repository", "a/b c"])
def test_what_is_no_repository_is_refused(cloud: Cloud, repository: str) -> None:
    cloud.serve(OLD)
    done = cloud.run("bootstrap.sh", "pipeline", repository)
    assert done.returncode == 1
    assert cloud.calls() == []


@pytest.mark.parametrize("script", ["deploy.sh", "bootstrap.sh"])
def test_help_is_the_comment_at_the_top(cloud: Cloud, script: str) -> None:
    done = cloud.run(script, "--help")
    top = (cloud.service / "deploy" / script).read_text().partition("\nset -")[0]
    assert done.returncode == 0
    assert done.stderr.splitlines() == re.findall(r"^#(?!!) ?(.*)$", top, re.MULTILINE)
