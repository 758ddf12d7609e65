"""Who may release: the tokens that Google takes from GitHub, the accounts' rights, and the builds that test."""

import re
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from cloud import Cloud, account
from combinations import CONTEXT, SUPPORTED, BakedProject
from conftest import Bake

OLD = {"revisionName": "notes-service-old", "percent": 100}

REPOSITORY = "owner/repository"
COMMIT = "5e" * 20

WORKFLOW = f"{REPOSITORY}/.github/workflows/deploy.yaml@refs/heads/main"

#: What GitHub says in the token of the job that releases, of all that the condition could read.
RELEASE = {
    "sub": f"repo:{REPOSITORY}:environment:production",
    "repository": REPOSITORY,
    "repository_id": "1296269",
    "repository_owner": "owner",
    "repository_owner_id": "583231",
    "workflow": "deploy",
    "workflow_ref": WORKFLOW,
    "job_workflow_ref": WORKFLOW,
    "ref": "refs/heads/main",
    "ref_type": "branch",
    "event_name": "push",
    "environment": "production",
    "actor": "somebody",
    "base_ref": "",
    "head_ref": "",
    "runner_environment": "github-hosted",
}

#: Tokens that GitHub gives to others: what each says instead. None: the claim is not there.
OTHERS: dict[str, dict[str, str | None]] = {
    "pull_request_target": {"event_name": "pull_request_target"},
    "workflow_run": {"event_name": "workflow_run"},
    "workflow_dispatch": {"event_name": "workflow_dispatch"},
    "schedule": {"event_name": "schedule"},
    "pull request": {"event_name": "pull_request", "ref": "refs/pull/7/merge"},
    "job without an environment": {"environment": None},
    "job in another environment": {"environment": "staging"},
    "another workflow": {"workflow_ref": f"{REPOSITORY}/.github/workflows/other.yaml@refs/heads/main"},
    "the workflow of another branch": {"workflow_ref": WORKFLOW.replace("main", "feature")},
    "a reusable workflow of this repository": {"job_workflow_ref": WORKFLOW.replace("deploy", "other")},
    "a reusable workflow of another": {"job_workflow_ref": WORKFLOW.replace("owner", "other")},
    "another branch": {"ref": "refs/heads/feature"},
    "a branch that is named like the reference": {"ref": "refs/heads/refs/heads/main"},
    "a tag with the branch's name": {"ref": "refs/tags/main", "ref_type": "tag"},
    "a tag that says the branch's reference": {"ref_type": "tag"},
    "a repository that was made again": {"repository_id": "2796269"},
    "a repository whose number begins alike": {"repository_id": "12962690"},
    "an owner who took the name over": {"repository_owner_id": "999"},
    "the owner's other repository": {"repository": "owner/another"},
    "a fork": {"repository": "other/repository", "repository_id": "3", "repository_owner_id": "4"},
}


@pytest.fixture
def cloud(bake: Bake, tmp_path: Path) -> Cloud:
    return with_pipeline(bake, tmp_path, "github_actions")


def with_pipeline(bake: Bake, folder: Path, pipeline: str) -> Cloud:
    cloud = Cloud(folder, bake(SUPPORTED[0], pipeline).path)
    cloud.serve(OLD)
    return cloud


def prepare(cloud: Cloud, *repository: str) -> None:
    done = cloud.run("bootstrap.sh", "pipeline", *(repository or [REPOSITORY]))
    assert done.returncode == 0, done.stderr


def provider_flags(cloud: Cloud) -> list[dict[str, str]]:
    """What each command about the identity provider sets, in their order."""
    verbs = ("providers create-oidc", "providers update-oidc")
    calls = [call.command for call in cloud.calls() if call.action.endswith(verbs)]
    return [dict(word[2:].split("=", 1) for word in command if word.startswith("--attribute")) for command in calls]


def subject_of(flags: dict[str, str]) -> str:
    """The expression for google.subject."""
    subject = flags["attribute-mapping"]
    assert subject.startswith("google.subject=")
    assert "," not in subject
    return subject.removeprefix("google.subject=")


def evaluate(expression: str, token: dict[str, str]) -> Any:
    """What this expression says of a token; an error, as Google takes it, is no."""
    cel = pytest.importorskip("cel_expr_python.cel", reason="Google's runtime of its expressions has no wheel here.")
    value = cel.NewEnv(variables={"assertion": cel.Type.DYN}).compile(expression).eval(data={"assertion": token})
    return False if value.type() == cel.Type.ERROR else value.plain_value()


def token(changes: dict[str, str | None]) -> dict[str, str]:
    return {claim: value for claim, value in (RELEASE | changes).items() if value is not None}


@pytest.fixture(scope="module")
def prepared(bake: Bake, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Cloud]:
    """A cloud in which a pipeline was prepared once, to be read."""

    @cache
    def of(pipeline: str) -> Cloud:
        cloud = with_pipeline(bake, tmp_path_factory.mktemp("cloud"), pipeline)
        prepare(cloud)
        return cloud

    return of


@pytest.fixture
def condition(prepared: Callable[[str], Cloud]) -> str:
    return provider_flags(prepared("github_actions"))[-1]["attribute-condition"]


def test_job_that_releases_may_sign_in(condition: str) -> None:
    assert evaluate(condition, RELEASE) is True


def test_nobody_else_may_sign_in(condition: str) -> None:
    admitted = [who for who, changes in OTHERS.items() if evaluate(condition, token(changes)) is not False]
    assert admitted == []


def test_every_claim_that_the_condition_reads_decides_alone(condition: str) -> None:
    read = re.findall(r"assertion\.(\w+)", condition)
    assert len(read) == len(set(read)) == 9
    for claim in read:
        for value in (None, "", RELEASE[claim] + "x", "x" + RELEASE[claim]):
            assert evaluate(condition, token({claim: value})) is False, (claim, value)


@pytest.mark.parametrize("sub", ["repo:owner@583231/repository@1296269:environment:production", "custom:subject"])
def test_job_that_releases_may_sign_in_whatever_its_subject_looks_like(condition: str, sub: str) -> None:
    """GitHub has two forms, and an organization may choose its own."""
    assert evaluate(condition, token({"sub": sub})) is True


def test_account_is_bound_to_the_one_subject_that_may_sign_in(prepared: Callable[[str], Cloud]) -> None:
    cloud = prepared("github_actions")
    subject = evaluate(subject_of(provider_flags(cloud)[-1]), RELEASE)
    pool = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/github-notes-service"
    assert signed_in(cloud) == {f"principal:{pool}/subject/{subject}"}


def signed_in(cloud: Cloud) -> set[str]:
    return {holder for _, role, holder in cloud.state["policy"] if role == "roles/iam.workloadIdentityUser"}


def test_longest_names_fit_google_s_limits(cloud: Cloud) -> None:
    longest = f"{'o' * 39}/{'r' * 100}"
    prepare(cloud, longest, "9" * 12, "9" * 12)
    flags = provider_flags(cloud)[-1]
    assert len(flags["attribute-condition"]) <= 4096
    assert len(subject_of(flags)) <= 2048
    assert len(evaluate(subject_of(flags), RELEASE | {"repository_id": "9" * 12})) <= 127


def test_provider_of_an_older_script_is_made_as_narrow_as_a_new_one(prepared: Callable[[str], Cloud]) -> None:
    created, updated = provider_flags(prepared("github_actions"))
    assert created == updated


def test_who_could_sign_in_before_can_no_longer(cloud: Cloud) -> None:
    pool = "iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools"
    own = f"principalSet://{pool}/github-notes-service/attribute.repository/owner/repository"
    elsewhere = f"principalSet://{pool}/other-pool/attribute.repository/owner/repository"
    on = "iam service-accounts notes-service-ci"
    policy = [[on, "roles/iam.workloadIdentityUser", member] for member in (own, elsewhere)]
    cloud.state = cloud.state | {"policy": policy}
    prepare(cloud)
    assert own not in signed_in(cloud)
    assert elsewhere in signed_in(cloud)


def test_repository_that_github_shows_to_nobody_is_given_by_its_numbers(cloud: Cloud) -> None:
    done = cloud.run("bootstrap.sh", "pipeline", "owner/private")
    assert done.returncode == 1
    assert "bash deploy/bootstrap.sh pipeline $(gh api repos/owner/private --jq '" in done.stderr
    assert r'"\(.full_name) \(.id) \(.owner.id)"' in done.stderr
    assert not provider_flags(cloud)
    prepare(cloud, "owner/private", "77", "583231")
    assert "assertion.repository_id == '77'" in provider_flags(cloud)[-1]["attribute-condition"]


def test_repository_whose_name_github_writes_otherwise_is_refused(cloud: Cloud) -> None:
    """No token would ever fit it: the claims have GitHub's own letters."""
    done = cloud.run("bootstrap.sh", "pipeline", "Owner/Repository")
    assert done.returncode == 1
    assert "writes its name in another way" in done.stderr
    assert not provider_flags(cloud)


@pytest.mark.parametrize("numbers", [["1"], ["x", "2"], ["1", "2", "3"], ["1", "-2"]], ids=" ".join)
@pytest.mark.parametrize("pipeline", CONTEXT["pipeline"])
def test_wrong_numbers_are_refused_before_anything_is_made(
    bake: Bake, tmp_path: Path, pipeline: str, numbers: list[str]
) -> None:
    cloud = with_pipeline(bake, tmp_path, pipeline)
    done = cloud.run("bootstrap.sh", "pipeline", REPOSITORY, *numbers)
    assert done.returncode == 1
    assert cloud.actions() == ["gcloud run services describe"]


def test_pipeline_before_the_first_release_is_told_to_wait(cloud: Cloud) -> None:
    cloud.state = cloud.state | {"there": []}
    done = cloud.run("bootstrap.sh", "pipeline", "owner/repository")
    assert done.returncode == 1
    assert "make the first release with: bash deploy/deploy.sh" in done.stderr
    assert len(cloud.calls()) == 1


@pytest.mark.parametrize("repository", ["owner", "owner/repo'sitory", "https://github.com/owner/repository", "a/b c"])
def test_what_is_no_repository_is_refused(cloud: Cloud, repository: str) -> None:
    done = cloud.run("bootstrap.sh", "pipeline", repository)
    assert done.returncode == 1
    assert cloud.calls() == []


#: What each account of a pipeline may do, all of it.
RELEASING = {
    ("artifacts repositories notes-service", "roles/artifactregistry.writer"),
    ("projects my-gcp-project", "roles/run.viewer"),
    ("run services notes-service", "roles/run.developer"),
    ("run services notes-service", "roles/run.invoker"),
    ("run jobs notes-service-migrate", "roles/run.developer"),
    ("iam service-accounts notes-service-run", "roles/iam.serviceAccountUser"),
    ("iam service-accounts notes-service-job", "roles/iam.serviceAccountUser"),
    ("iam service-accounts notes-service-ci", "roles/iam.serviceAccountOpenIdTokenCreator"),
}
LOGGING = {("projects my-gcp-project", "roles/logging.logWriter")}
RIGHTS = {
    "github_actions": {"ci": RELEASING},
    "cloud_build": {
        "ci": RELEASING | LOGGING | {("projects my-gcp-project", "roles/cloudbuild.builds.viewer")},
        "test": LOGGING,
    },
}


@pytest.mark.parametrize("pipeline", CONTEXT["pipeline"])
def test_accounts_of_a_pipeline_have_these_rights_and_no_others(
    prepared: Callable[[str], Cloud], pipeline: str
) -> None:
    cloud = prepared(pipeline)
    given = {holder for _, _, holder in cloud.state["policy"] if holder.startswith("serviceAccount:")}
    assert given == {f"serviceAccount:{account(name)}" for name in RIGHTS[pipeline]}
    for name, rights in RIGHTS[pipeline].items():
        assert cloud.roles(f"serviceAccount:{account(name)}") == rights


@pytest.mark.parametrize("pipeline", CONTEXT["pipeline"])
def test_pipeline_prepared_again_takes_the_rights_of_an_older_script_and_makes_nothing(
    bake: Bake, tmp_path: Path, prepared: Callable[[str], Cloud], pipeline: str
) -> None:
    cloud = with_pipeline(bake, tmp_path, pipeline)
    member = f"serviceAccount:{account('ci')}"
    wider = [
        ["iam service-accounts notes-service-ci", "roles/iam.serviceAccountTokenCreator", member],
        ["projects my-gcp-project", "roles/run.developer", member],
    ]
    others = [["projects my-gcp-project", "roles/run.developer", "user:someone@example.com"]]
    cloud.state = prepared(pipeline).state | {"policy": wider + others}
    prepare(cloud)
    assert not [action for action in cloud.actions() if "create" in action]
    assert cloud.roles(member) == RIGHTS[pipeline]["ci"]
    assert others[0] in cloud.state["policy"]


@pytest.fixture
def building(bake: Bake, tmp_path: Path) -> Cloud:
    return with_pipeline(bake, tmp_path, "cloud_build")


def triggers(cloud: Cloud) -> dict[str, tuple[str, str, str]]:
    """Of each trigger its account, the file of its builds, and what sets it off."""
    found = {}
    for call in cloud.calls():
        if call.action == "gcloud builds triggers create":
            flags = dict(word[2:].split("=", 1) for word in call.command if "=" in word)
            cause = next(word for word in call.command if "-pattern=" in word)
            found[flags["name"]] = flags["service-account"].rpartition("/")[2], flags["build-config"], cause
    return found


def test_builds_that_test_run_as_the_account_without_rights(prepared: Callable[[str], Cloud]) -> None:
    assert triggers(prepared("cloud_build")) == {
        "notes-service-test": (account("test"), "cloudbuild-test.yaml", "--branch-pattern=^main$"),
        "notes-service-pull-request": (account("test"), "cloudbuild-test.yaml", "--pull-request-pattern=^main$"),
        "notes-service": (account("ci"), "cloudbuild.yaml", "--branch-pattern=^main$"),
    }


def steps(project: BakedProject, file: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(project.read(file))["steps"]
    return found


def test_build_that_releases_runs_the_release_s_scripts_alone(bake: Bake) -> None:
    project = bake(SUPPORTED[0], "cloud_build")
    commands = [step["script"].splitlines()[1:] for step in steps(project, "cloudbuild.yaml")]
    assert [len(lines) for lines in commands] == [1, 1, 1]
    assert commands[0][0].startswith("bash deploy/await_tests.sh ")
    assert all(lines[0].startswith("bash deploy/deploy.sh ") for lines in commands[1:])


def test_images_that_run_with_the_right_to_release_are_named_by_digest(bake: Bake) -> None:
    images = [step["name"] for step in steps(bake(SUPPORTED[0], "cloud_build"), "cloudbuild.yaml")]
    assert [image for image in images if not re.fullmatch(r"[^@]+:[^@]+@sha256:[0-9a-f]{64}", image)] == []


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("notes-service", "owner another"),
        ("notes-service-test", "other repository"),
        ("notes-service-pull-request", "other repository"),
    ],
)
def test_trigger_of_another_repository_is_not_passed_over(building: Cloud, name: str, there: str) -> None:
    building.state = building.state | {"triggers": {name: f"{there} {account('test')}"}}
    done = building.run("bootstrap.sh", "pipeline", REPOSITORY)
    assert done.returncode == 1
    assert f"The trigger {name} is there for another repository or account ({there} " in done.stderr


def test_trigger_that_tests_with_the_right_to_release_is_not_passed_over(building: Cloud) -> None:
    building.state = building.state | {"triggers": {"notes-service-test": f"owner repository {account('ci')}"}}
    done = building.run("bootstrap.sh", "pipeline", REPOSITORY)
    assert done.returncode == 1
    assert "Delete it first: gcloud builds triggers delete notes-service-test" in done.stderr


#: The states of a commit's builds at each look, whether the release goes on, and what it says.
LOOKS: dict[str, tuple[list[list[str]], bool, str]] = {
    "passed before": ([["SUCCESS"]], True, "have passed"),
    "starts and passes meanwhile": ([[], ["WORKING"], ["SUCCESS"]], True, "have passed"),
    "waits for its turn": ([["PENDING"], ["QUEUED"], ["SUCCESS"]], True, "have passed"),
    "failed": ([["WORKING"], ["FAILURE"]], False, "ended with FAILURE"),
    "took too long": ([["TIMEOUT"]], False, "ended with TIMEOUT"),
    "was cancelled": ([["CANCELLED"]], False, "ended with CANCELLED"),
    "broke": ([["INTERNAL_ERROR"]], False, "ended with INTERNAL_ERROR"),
    "waited too long": ([["EXPIRED"]], False, "ended with EXPIRED"),
    "failed and passed when it was run again": ([["SUCCESS", "FAILURE"]], True, "have passed"),
    "failed and runs again": ([["FAILURE", "WORKING"], ["FAILURE", "FAILURE"]], False, "with FAILURE, FAILURE"),
    "in a state that is new": ([["WAIVED"]], False, "ended with WAIVED"),
    "never started": ([[], [], []], False, "has started no test"),
    "never ends": ([["WORKING"]] * 3, False, "have not ended in"),
}


TESTING = {"notes-service-test": f"owner repository {account('test')}"}


@pytest.mark.parametrize("case", LOOKS)
def test_release_waits_for_tests_that_pass(building: Cloud, tmp_path: Path, case: str) -> None:
    looks, goes_on, words = LOOKS[case]
    few_looks(building, tmp_path)
    building.state = building.state | {"triggers": TESTING, "builds": looks}
    done = building.run("await_tests.sh", COMMIT)
    assert (done.returncode == 0) == goes_on
    assert words in done.stderr


def few_looks(cloud: Cloud, folder: Path) -> None:
    """Let the script give up early: each look starts two processes."""
    cloud.service = shutil.copytree(cloud.service, folder / "service")
    script = cloud.service / "deploy" / "await_tests.sh"
    text = re.sub(r"^(start|end)_looks=\d+$", r"\1_looks=3", script.read_text(encoding="utf-8"), flags=re.MULTILINE)
    script.write_text(text, encoding="utf-8")


def test_release_looks_for_builds_of_the_trigger_and_the_commit(building: Cloud) -> None:
    building.state = building.state | {"triggers": TESTING, "builds": [["SUCCESS"]]}
    assert building.run("await_tests.sh", COMMIT).returncode == 0
    [look] = [call for call in building.calls() if call.action == "gcloud builds list"]
    [asked] = [word for word in look.command if word.startswith("--filter=")]
    assert f"buildTriggerId=id-of-notes-service-test AND substitutions.COMMIT_SHA={COMMIT}" in asked


def test_release_without_the_trigger_that_tests_is_refused(building: Cloud) -> None:
    done = building.run("await_tests.sh", COMMIT)
    assert done.returncode == 1
    assert "Make it with: bash deploy/bootstrap.sh pipeline OWNER/REPOSITORY" in done.stderr


@pytest.mark.parametrize("commit", ["", "main", COMMIT[:7], f"{COMMIT} OR status=SUCCESS"])
def test_what_is_no_commit_is_not_waited_for(building: Cloud, commit: str) -> None:
    done = building.run("await_tests.sh", commit)
    assert done.returncode == 1
    assert building.calls() == []


def test_release_waits_for_as_long_as_tests_may_take(building: Cloud) -> None:
    script = (building.service / "deploy" / "await_tests.sh").read_text(encoding="utf-8")
    pause, _, looks = (int(number) for number in re.findall(r"^\w+=(\d+)$", script, re.MULTILINE))
    tests, release = (
        int(yaml.safe_load((building.service / file).read_text(encoding="utf-8"))["timeout"].removesuffix("s"))
        for file in ("cloudbuild-test.yaml", "cloudbuild.yaml")
    )
    assert tests < pause * looks < release
