"""deploy/deploy.sh and deploy/bootstrap.sh, run whole against a cloud that records what is asked of it."""

import json
import os
import re
import shlex
import signal
import subprocess
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Self

import pytest
import yaml

from cloud import SERVICE_URL, TAG_URL, Cloud, account
from cloud_command import ACCESS_TOKEN, DIGEST, IDENTITY_TOKEN
from combinations import RENDERED, SUPPORTED
from conftest import Bake
from servers import wait_until

OLD = {"revisionName": "notes-service-old", "percent": 100}
IMAGE = "us-east4-docker.pkg.dev/my-gcp-project/notes-service/service"

LOOK = ["gcloud run services list", "gcloud run services describe"]
BUILD = ["docker build", "docker push", "docker image inspect"]
MIGRATE = ["gcloud run jobs replace", "gcloud run jobs execute"]
DEPLOY = ["gcloud run services replace"]
SMOKE_TEST = ["gcloud auth print-identity-token", "curl"]
MOVE = ["gcloud run services update-traffic"]

RELEASE = LOOK + BUILD + MIGRATE + LOOK + DEPLOY + LOOK + SMOKE_TEST + MOVE
#: Nothing to describe before, and no traffic to move after.
FIRST_RELEASE = LOOK[:1] + BUILD + MIGRATE + LOOK[:1] + DEPLOY + LOOK + SMOKE_TEST

URL = "postgresql://user:not-a-real-password@host.invalid/notes"


@pytest.fixture
def cloud(bake: Bake, tmp_path: Path) -> Cloud:
    return Cloud(tmp_path, bake(SUPPORTED[0]).path)


def released(cloud: Cloud) -> str:
    """The name of the revision that the release deployed."""
    [manifest] = [call.stdin for call in cloud.calls() if call.action in DEPLOY]
    name: str = yaml.safe_load(manifest)["spec"]["template"]["metadata"]["name"]
    return name


class Answers:
    """A server on loopback that gives these statuses, one after the other."""

    def __init__(self, statuses: list[int]) -> None:
        self.requests: list[tuple[str, str | None]] = []
        requests, rest = self.requests, iter(statuses)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                requests.append((self.path, self.headers["Authorization"]))
                self.send_response(next(rest))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = Thread(target=self.server.serve_forever)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


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
    cloud.serve(OLD | {"tag": "stable"})
    cloud.run("deploy.sh")
    new = released(cloud)
    assert re.fullmatch(r"notes-service-\d{8}-\d{6}", new)
    [manifest] = [call.stdin for call in cloud.calls() if call.action in DEPLOY]
    traffic = [OLD | {"tag": "stable"}, {"revisionName": new, "tag": "candidate"}]
    assert yaml.safe_load(manifest)["spec"]["traffic"] == traffic


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
            assert sent.strip() == (cloud.service / "deploy" / file).read_text(encoding="utf-8").strip()


def test_smoke_test_asks_ready_on_the_tag_with_a_token_that_no_argument_shows(cloud: Cloud) -> None:
    cloud.serve(OLD)
    done = cloud.run("deploy.sh")
    [smoke_test] = [call for call in cloud.calls() if call.action == "curl"]
    assert smoke_test.command[-1] == TAG_URL.format(tag="candidate") + "/ready"
    assert smoke_test.stdin.strip() == f"Authorization: Bearer {IDENTITY_TOKEN}"
    assert IDENTITY_TOKEN not in done.stdout + done.stderr + "".join(map(str, cloud.calls()))


def test_smoke_test_of_the_pipeline_asks_as_its_account_with_tokens_that_no_argument_shows(cloud: Cloud) -> None:
    cloud.serve(OLD)
    done = cloud.run("deploy.sh", SMOKE_TEST_ACCOUNT="ci@example.invalid")
    assert done.returncode == 0, done.stderr
    asked, smoke_test = [call for call in cloud.calls() if call.action == "curl"]
    assert asked.command[-1].endswith("/serviceAccounts/ci@example.invalid:generateIdToken")
    # Cloud Run takes tokens for the service's URL alone, whichever of its URLs is asked.
    assert json.loads(asked.command[asked.command.index("--data") + 1])["audience"] == SERVICE_URL
    assert asked.stdin.strip() == f"Authorization: Bearer {ACCESS_TOKEN}"
    assert smoke_test.stdin.strip() == f"Authorization: Bearer {IDENTITY_TOKEN}"
    shown = done.stdout + done.stderr + "".join(map(str, cloud.calls()))
    assert ACCESS_TOKEN not in shown
    assert IDENTITY_TOKEN not in shown


def test_smoke_test_takes_no_access_token_by_impersonation(cloud: Cloud) -> None:
    """gcloud takes one first, which only a wide role allows."""
    cloud.run("deploy.sh", SMOKE_TEST_ACCOUNT="ci@example.invalid")
    assert "--impersonate-service-account" not in "".join(map(str, cloud.calls()))


def test_steps_look_again_before_each_further_one(cloud: Cloud) -> None:
    cloud.serve(OLD)
    done = cloud.run("deploy.sh", "--steps", "10,50", "--pause", "0")
    assert done.returncode == 0, done.stderr
    step = [*MOVE, "sleep", *SMOKE_TEST]
    assert cloud.actions() == RELEASE[:-1] + step + step + MOVE
    shares = [call.command[-1] for call in cloud.calls() if call.action in MOVE][:2]
    assert shares == [f"--to-revisions={released(cloud)}={percent}" for percent in (10, 50)]


@pytest.mark.parametrize("step", range(len(RELEASE) - 1), ids=lambda step: f"{step}: {RELEASE[step]}")
def test_failed_step_is_the_last_and_leaves_the_traffic_where_it_was(cloud: Cloud, step: int) -> None:
    cloud.serve(OLD)
    cloud.fail(RELEASE[step], call=RELEASE[: step + 1].count(RELEASE[step]))
    done = cloud.run("deploy.sh")
    assert done.returncode != 0
    assert cloud.actions()[: step + 1] == RELEASE[: step + 1]
    assert set(cloud.actions()[step + 1 :]) <= {*LOOK, *MOVE}
    assert cloud.shares() == {"notes-service-old": 100}
    assert cloud.tags() == {}
    is_deployed = step >= RELEASE.index(DEPLOY[0])
    assert ("The traffic is where it was: notes-service-old=100 percent." in done.stderr) == is_deployed
    assert ("The service is as it was." in done.stderr) != is_deployed
    assert "gcloud logging read" in done.stderr


def test_listing_that_fails_is_not_taken_for_a_first_release(cloud: Cloud) -> None:
    cloud.serve(OLD)
    cloud.fail(LOOK[0], call=2, times=1)
    assert cloud.run("deploy.sh").returncode != 0
    assert not set(DEPLOY) & set(cloud.actions())


SPLIT = [OLD | {"percent": 70}, {"revisionName": "notes-service-older", "percent": 30}]


def test_failed_look_at_a_step_puts_the_traffic_back(cloud: Cloud) -> None:
    cloud.serve(*SPLIT)
    cloud.fail("curl", call=2)
    done = cloud.run("deploy.sh", "--steps", "10", "--pause", "0")
    assert done.returncode != 0
    assert cloud.shares() == {"notes-service-old": 70, "notes-service-older": 30}
    assert cloud.tags() == {}
    assert "The traffic is where it was: notes-service-old=70,notes-service-older=30 percent." in done.stderr


def test_move_that_fails_puts_the_traffic_back(cloud: Cloud) -> None:
    cloud.serve(OLD)
    cloud.fail(MOVE[0], times=1)
    done = cloud.run("deploy.sh")
    assert done.returncode != 0
    assert cloud.shares() == {"notes-service-old": 100}
    assert cloud.tags() == {}


def test_move_that_took_effect_though_gcloud_reports_a_failure_is_a_release(cloud: Cloud) -> None:
    cloud.serve(OLD)
    cloud.fail(MOVE[0], done=True)
    done = cloud.run("deploy.sh")
    assert done.returncode == 0, done.stderr
    assert cloud.shares() == {released(cloud): 100}
    assert cloud.tags() == {"previous": "notes-service-old"}


def test_traffic_that_cannot_be_put_back_is_to_be_moved_by_hand(cloud: Cloud) -> None:
    cloud.serve(OLD)
    cloud.fail("curl", call=2)
    cloud.fail(MOVE[0], call=2)
    done = cloud.run("deploy.sh", "--steps", "10", "--pause", "0")
    assert done.returncode != 0
    assert "by hand" in done.stderr
    assert "--to-revisions=notes-service-old=100 --remove-tags=candidate" in done.stderr


def test_first_release_that_fails_its_smoke_test_says_that_nothing_served_before(cloud: Cloud) -> None:
    cloud.fail("curl")
    done = cloud.run("deploy.sh")
    assert done.returncode != 0
    assert cloud.actions() == FIRST_RELEASE
    assert "No revision of notes-service served before this release." in done.stderr


def step_under_way(cloud: Cloud) -> subprocess.Popen[str]:
    """A release that has moved some of the traffic and waits before its next look."""
    process = cloud.start("deploy.sh", "--steps", "10", "--pause", "60")
    assert wait_until(lambda: "sleep" in cloud.actions())
    assert cloud.shares()["notes-service-old"] == 90
    return process


@pytest.mark.parametrize("interruption", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_interrupted_release_puts_the_traffic_back(cloud: Cloud, interruption: signal.Signals) -> None:
    cloud.serve(OLD)
    process = step_under_way(cloud)
    # As a terminal does it: to every process of the group.
    os.killpg(process.pid, interruption)
    _, stderr = process.communicate()
    assert process.returncode == 128 + interruption
    assert cloud.shares() == {"notes-service-old": 100}
    assert "The traffic is where it was" in stderr


def test_release_whose_reader_is_gone_puts_the_traffic_back(cloud: Cloud) -> None:
    """As with `deploy.sh | tee log`, whose tee dies of the same interruption."""
    cloud.serve(OLD)
    process = step_under_way(cloud)
    for stream in filter(None, (process.stdin, process.stdout, process.stderr)):
        stream.close()
    os.killpg(process.pid, signal.SIGINT)
    process.wait()
    assert cloud.shares() == {"notes-service-old": 100}
    assert cloud.tags() == {}


def test_second_release_is_refused_while_one_is_under_way(cloud: Cloud) -> None:
    cloud.serve(OLD, {"revisionName": "notes-service-other", "tag": "candidate"})
    done = cloud.run("deploy.sh")
    assert done.returncode != 0
    assert "Another release is under way, or was killed: notes-service-other has the tag candidate." in done.stderr
    assert cloud.actions() == LOOK


def test_rollback_while_a_release_is_under_way_has_the_last_word(cloud: Cloud) -> None:
    cloud.serve(OLD, {"revisionName": "notes-service-older", "tag": "previous"})
    process = step_under_way(cloud)
    assert cloud.run("deploy.sh", "rollback").returncode == 0
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate()
    assert "Somebody else has moved the traffic meanwhile" in stderr
    assert cloud.shares() == {"notes-service-older": 100}


def test_traffic_that_moves_with_the_new_revision_is_put_back(cloud: Cloud) -> None:
    """Whatever made it move: the revision has not been asked yet."""
    cloud.serve(OLD)
    cloud.state = cloud.state | {"surprise": [{"revisionName": "notes-service-new", "percent": 100}]}
    done = cloud.run("deploy.sh")
    assert done.returncode != 0
    assert "Cloud Run has moved the traffic" in done.stderr
    assert "curl" not in cloud.actions()
    assert cloud.shares() == {"notes-service-old": 100}


def test_image_can_be_built_first_and_released_later(cloud: Cloud) -> None:
    cloud.serve(OLD)
    built = cloud.run("deploy.sh", "build")
    assert built.stdout == f"{IMAGE}@{DIGEST}\n"
    assert cloud.actions() == BUILD
    done = cloud.run("deploy.sh", "--image", built.stdout.strip())
    assert done.returncode == 0, done.stderr
    assert cloud.actions()[len(BUILD) :] == [action for action in RELEASE if action not in BUILD]


@pytest.mark.parametrize(("statuses", "is_ready"), [([503, 503, 200], True), ([503] * 9, False), ([404] * 9, False)])
def test_smoke_test_waits_for_the_database_and_takes_nothing_but_success(
    cloud: Cloud, statuses: list[int], is_ready: bool
) -> None:
    cloud.run("deploy.sh")
    [call] = [call for call in cloud.calls() if call.action == "curl"]
    with Answers(statuses) as answers:
        command = [word.replace(SERVICE_URL, answers.url) for word in call.command]
        # The same command, less patient.
        for flag, value in (("--retry", "3"), ("--retry-delay", "1")):
            command[command.index(flag) + 1] = value
        done = subprocess.run(command, input=call.stdin, capture_output=True, encoding="utf-8")
    assert (done.returncode == 0) == is_ready
    assert answers.requests[0] == ("/ready", f"Bearer {IDENTITY_TOKEN}")
    assert len(answers.requests) == (3 if is_ready else 4)


@pytest.mark.parametrize("account", ["", "ci@example.invalid"], ids=["person", "pipeline"])
@pytest.mark.parametrize(
    "command", [["deploy.sh"], ["bootstrap.sh"], ["bootstrap.sh", "secret", "DATABASE_URL"]], ids=" ".join
)
def test_trace_of_a_script_shows_no_secret(cloud: Cloud, command: list[str], account: str) -> None:
    done = cloud.run(*command, typed=f"{URL}\n{URL}\n", SHELLOPTS="xtrace", SMOKE_TEST_ACCOUNT=account)
    assert done.returncode == 0, done.stderr
    assert "+ main" in done.stderr
    assert IDENTITY_TOKEN not in done.stderr
    assert ACCESS_TOKEN not in done.stderr
    assert "not-a-real-password" not in done.stderr


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


@pytest.mark.parametrize("tagged", [[], [OLD | {"percent": None, "tag": "previous"}]], ids=["none", "itself"])
def test_rollback_without_an_earlier_release_is_refused(cloud: Cloud, tagged: list[dict[str, object]]) -> None:
    cloud.serve(OLD, *tagged)
    done = cloud.run("deploy.sh", "rollback")
    assert done.returncode == 1
    assert "there is no release to return to" in done.stderr
    assert cloud.actions() == LOOK


@pytest.mark.parametrize(
    "arguments",
    [["--steps", "0"], ["--steps", "10,100"], ["--steps"], ["--pause", "x"], ["--image", "service:latest"], ["up"]],
)
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
    unknown = r"notes-service-(old|\d{8}-\d{6})|[A-Z]+_(REVISION|URL)|https://[^/]*|:\d{8}-\d{6}"
    return [re.sub(unknown, "...", word) for word in command]


def test_project_is_prepared_with_two_roles_and_the_secrets_in_standard_input_alone(cloud: Cloud) -> None:
    direct = URL.replace("/notes", "/direct")
    done = cloud.run("bootstrap.sh", typed=f"{URL}\n{direct}\n")
    assert done.returncode == 0, done.stderr
    added = {call.command[4]: call.stdin for call in cloud.calls() if call.action == "gcloud secrets versions add"}
    assert added == {
        "notes-service-database-url": URL.replace("user:", "run:"),
        "notes-service-database-direct-url": direct.replace("user:", "owner:"),
    }
    assert "not-a-real-password" not in done.stdout + done.stderr + "".join(map(str, cloud.calls()))


def test_project_is_prepared_with_what_the_manifests_name(cloud: Cloud) -> None:
    cloud.run("bootstrap.sh", typed=f"{URL}\n{URL}\n")
    creations = [call.command for call in cloud.calls() if call.action.endswith(("accounts create", "secrets create"))]
    made = {(command[at - 1], command[at + 1]) for command in creations if (at := command.index("create"))}
    named = set()
    for file in ("service.yaml", "migrate-job.yaml"):
        manifest = (cloud.service / "deploy" / file).read_text(encoding="utf-8")
        named |= {("service-accounts", name) for name in re.findall(r"serviceAccountName: (.+)@", manifest)}
        named |= {("secrets", name) for name in re.findall(r"secretKeyRef:\s+name: (.+)", manifest)}
    assert made == named


def test_one_role_serves_both_where_that_is_wanted(cloud: Cloud) -> None:
    done = cloud.run("bootstrap.sh", "--one-role", typed=f"{URL}\n{URL}\n")
    assert done.returncode == 0, done.stderr
    added = [call.stdin for call in cloud.calls() if call.action == "gcloud secrets versions add"]
    assert added == [URL, URL]
    assert "make" not in cloud.actions()


def test_roles_that_could_not_be_made_leave_no_secret(cloud: Cloud) -> None:
    cloud.fail("make")
    done = cloud.run("bootstrap.sh", typed=f"{URL}\n{URL}\n")
    assert done.returncode != 0
    assert "gcloud secrets versions add" not in cloud.actions()
    assert "The project is ready" not in done.stderr


@pytest.mark.parametrize(("options", "versions"), [([], 0), (["--new-passwords"], 2)], ids=["kept", "new"])
def test_roles_that_are_there_get_new_passwords_only_on_demand(cloud: Cloud, options: list[str], versions: int) -> None:
    cloud.run("bootstrap.sh", typed=f"{URL}\n{URL}\n")
    first = cloud.actions()
    done = cloud.run("bootstrap.sh", "roles", *options, typed=f"{URL}\n{URL}\n")
    assert done.returncode == 0, done.stderr
    assert cloud.actions()[len(first) :] == ["make", *["gcloud secrets versions add"] * versions]


def test_roles_whose_passwords_are_in_no_secret_get_new_ones(cloud: Cloud) -> None:
    """The first time, Secret Manager failed after the roles were made."""
    cloud.fail("gcloud secrets versions add", times=1)
    assert cloud.run("bootstrap.sh", typed=f"{URL}\n{URL}\n").returncode != 0
    done = cloud.run("bootstrap.sh", typed=f"{URL}\n{URL}\n")
    assert done.returncode == 0, done.stderr
    added = [call.stdin for call in cloud.calls() if call.action == "gcloud secrets versions add"]
    assert added[-2:] == [URL.replace("user:", "run:"), URL.replace("user:", "owner:")]


@pytest.fixture
def cloud_of_accounts(bake: Bake, tmp_path: Path) -> Cloud:
    """A project in which the service's accounts sign in to Cloud SQL without a password."""
    return Cloud(tmp_path, bake(next(c for c in RENDERED if c.provider == "cloud_sql")).path)


def test_accounts_become_users_of_the_instance_and_nothing_is_a_secret(cloud_of_accounts: Cloud) -> None:
    cloud = cloud_of_accounts
    cloud.state = cloud.state | {"there": ["instances/notes-service"]}
    done = cloud.run("bootstrap.sh")
    assert done.returncode == 0, done.stderr
    users = [call.command[4] for call in cloud.calls() if call.action == "gcloud sql users create"]
    assert users == ["notes-service-run@my-gcp-project.iam", "notes-service-job@my-gcp-project.iam"]
    assert not [action for action in cloud.actions() if "secrets" in action]
    condition = (
        "--condition=title=notes-service,expression=resource.name == 'projects/my-gcp-project/instances/notes-service'"
        " && resource.type == 'sqladmin.googleapis.com/Instance'"
    )
    granted = {
        tuple(sorted(word for word in call.command if word.startswith(("--role", "--member"))))
        for call in cloud.calls()
        if call.action == "gcloud projects add-iam-policy-binding" and condition in call.command
    }
    assert granted == {
        (f"--member=serviceAccount:{account(name)}", f"--role=roles/cloudsql.{role}")
        for name in ("run", "job")
        for role in ("client", "instanceUser")
    }
    [connected] = [call for call in cloud.calls() if call.command[:3] == ["gcloud", "sql", "connect"]]
    assert {"--user=postgres", "--database=notes_service"} <= set(connected.command)


def test_missing_instance_is_named_with_the_step_that_makes_it(cloud_of_accounts: Cloud) -> None:
    done = cloud_of_accounts.run("bootstrap.sh")
    assert done.returncode == 1
    assert "The instance notes-service is not there: deploy/README.md, step 1" in done.stderr


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


def test_secret_of_the_owners_is_made_and_read_by_the_service_alone(cloud: Cloud) -> None:
    done = cloud.run("bootstrap.sh", "secret", "API_KEY", typed="not-a-real-secret\n")
    assert done.returncode == 0, done.stderr
    [created] = [call.command[3] for call in cloud.calls() if call.action == "gcloud secrets create"]
    [added] = [call for call in cloud.calls() if call.action == "gcloud secrets versions add"]
    [bound] = [call.command for call in cloud.calls() if call.action == "gcloud secrets add-iam-policy-binding"]
    assert {created, added.command[4], bound[3]} == {"notes-service-api-key"}
    assert added.stdin == "not-a-real-secret"
    assert bound[-1].startswith("--member=serviceAccount:notes-service-run@")
    assert "not-a-real-secret" not in done.stdout + done.stderr + "".join(map(str, cloud.calls()))


@pytest.mark.parametrize("name", ["api-key", "api_key", "API KEY", "$(touch owned)", ""])
def test_secret_that_no_variable_can_have_is_refused_before_anything_happens(cloud: Cloud, name: str) -> None:
    done = cloud.run("bootstrap.sh", "secret", name, typed="not-a-real-secret\n")
    assert done.returncode == 1
    assert "is no name of an environment variable" in done.stderr
    assert cloud.calls() == []


@pytest.mark.parametrize("script", ["deploy.sh", "bootstrap.sh"])
def test_help_is_the_comment_at_the_top(cloud: Cloud, script: str) -> None:
    done = cloud.run(script, "--help")
    top = (cloud.service / "deploy" / script).read_text(encoding="utf-8").partition("\nset -")[0]
    assert done.returncode == 0
    assert done.stderr.splitlines() == re.findall(r"^#(?!!) ?(.*)$", top, re.MULTILINE)
