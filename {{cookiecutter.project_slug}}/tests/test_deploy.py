"""deploy/: its numbers agree with the settings, each other and the database, and its commands work."""

import subprocess
import sys
import tomllib
from typing import Any

import pytest
import yaml

from app.database.budget import MIGRATIONS, TAGGED_INSTANCES, connections_needed, instances_that_fit
{% if cookiecutter._providers[cookiecutter.provider].sign_in == "account" %}
from app.database.driver import translate
from app.database.url import parse
{% endif %}
from app.settings import Settings
from migrations.lock import LONGEST_WAIT
from tests.application import Client
from tests.conftest import Configure
from tests.migrations import alembic
from tests.process import STOP_TIMEOUT
from tests.settings import PROJECT, environment

DEPLOY = PROJECT / "deploy"
SERVICE = yaml.safe_load((DEPLOY / "service.yaml").read_text(encoding="utf-8"))
JOB = yaml.safe_load((DEPLOY / "migrate-job.yaml").read_text(encoding="utf-8"))
LIMITS = tomllib.loads((DEPLOY / "limits.toml").read_text(encoding="utf-8"))

REVISION = SERVICE["spec"]["template"]
TASKS = JOB["spec"]["template"]
TASK = TASKS["spec"]["template"]
[SERVICE_CONTAINER] = REVISION["spec"]["containers"]
[JOB_CONTAINER] = TASK["spec"]["containers"]


def values(container: dict[str, Any]) -> dict[str, str]:
    """The environment variables whose values are in the manifest."""
    return {variable["name"]: variable["value"] for variable in container["env"] if "value" in variable}


def secrets(container: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The environment variables that come from Secret Manager: the secret's name, and its version as key."""
    found = [variable for variable in container["env"] if "valueFrom" in variable]
    return {variable["name"]: variable["valueFrom"]["secretKeyRef"] for variable in found}


@pytest.fixture
def settings(configure: Configure) -> Settings:
    """The settings on Cloud Run: the defaults, and what service.yaml sets."""
    configure(**{"DATABASE_URL": "postgresql://user@host.invalid/database"} | values(SERVICE_CONTAINER))
    return Settings()


def test_container_concurrency_is_what_the_settings_admit(settings: Settings) -> None:
    concurrency = REVISION["spec"]["containerConcurrency"]
    assert concurrency == settings.concurrency, (
        f"Cloud Run sends an instance {concurrency} requests at once, and the settings admit {settings.concurrency}: "
        f"set containerConcurrency in deploy/service.yaml to {settings.concurrency}, or change the settings."
    )


def test_all_instances_together_fit_the_database(settings: Settings) -> None:
    instances = int(SERVICE["metadata"]["annotations"]["run.googleapis.com/maxScale"])
    each, connections = settings.concurrency, LIMITS["connections"]
    needed = connections_needed(instances, each)
    assert needed <= connections, (
        f"({instances} instances + {TAGGED_INSTANCES} tagged) x {each} connections + {MIGRATIONS} for migrations = "
        f"{needed} connections, and the database takes {connections}: lower maxScale in deploy/service.yaml to "
        f"{instances_that_fit(connections, each)}, lower the connections of an instance, "
        "or raise the number in deploy/limits.toml when the database has grown."
    )


def test_maximum_of_instances_is_the_service_s_own() -> None:
    """Of a revision, it would count the instances of that revision only, and a rollout has two."""
    assert "autoscaling.knative.dev/maxScale" not in REVISION["metadata"]["annotations"], (
        "The revision has a maximum of its own in deploy/service.yaml: move it to run.googleapis.com/maxScale in the "
        "service's annotations."
    )


def test_request_may_take_as_long_as_its_waits(settings: Settings) -> None:
    timeout = REVISION["spec"]["timeoutSeconds"]
    body = 2 * settings.body_timeout
    waits = body + settings.admission_timeout + settings.database_wake_timeout + settings.database_deadline
    assert timeout > waits, (
        f"Waiting for a body and its turn, for admission and a waking database, and then a session, may take {waits} "
        f"seconds, and Cloud Run ends the request after {timeout}: raise timeoutSeconds in deploy/service.yaml."
    )


def test_job_has_time_to_say_that_another_upgrade_does_not_end() -> None:
    assert TASK["spec"]["timeoutSeconds"] > LONGEST_WAIT


def test_shutdown_ends_before_the_container_is_killed(settings: Settings) -> None:
    assert settings.shutdown_timeout < STOP_TIMEOUT


def test_variables_are_settings() -> None:
    for container in (SERVICE_CONTAINER, JOB_CONTAINER):
        names = {name.lower() for name in values(container) | secrets(container)}
        assert names <= Settings.model_fields.keys()


def test_secrets_are_pinned_to_a_version() -> None:
    for secret in [*secrets(SERVICE_CONTAINER).values(), *secrets(JOB_CONTAINER).values()]:
        assert secret["key"].isdigit(), f"{secret['name']} floats: name a version, so that a revision never changes."


{% include "sign_in/" ~ cookiecutter._providers[cookiecutter.provider].sign_in ~ "/test_deploy.py" %}


def test_probes_ask_what_never_touches_the_database(client: Client) -> None:
    for probe in ("startupProbe", "livenessProbe"):
        path = SERVICE_CONTAINER[probe]["httpGet"]["path"]
        assert path == "/health"
        assert client.get(path).status_code == 200


def test_service_and_job_run_the_same_image_as_different_accounts() -> None:
    assert SERVICE_CONTAINER["image"] == JOB_CONTAINER["image"]
    assert REVISION["spec"]["serviceAccountName"] != TASK["spec"]["serviceAccountName"]


def test_job_migrates_and_may_run_twice(empty_database: str) -> None:
    python, *arguments = JOB_CONTAINER["command"]
    assert python == "python"
    settings = environment(DATABASE_URL=empty_database, DATABASE_DIRECT_URL=empty_database)
    for _ in range(2):
        subprocess.run([sys.executable, *arguments], cwd=PROJECT, env=settings, capture_output=True, check=True)
    alembic(empty_database, "check")
