"""Names that several files of a service share, made from the answers."""

import hashlib
from collections.abc import Mapping
from typing import Any

from slugify import slugify

from cloudrun_postgres_template.refusals import LONGEST_SLUG, refuse
from cloudrun_postgres_template.tables import tables

#: Google Cloud allows 30 characters for a service account's name; the longest suffix is -run or -job.
LONGEST_ACCOUNT = 26

#: The settings of the service's role, for deploy/roles.sql and for a connection that signs in as another one. The first
#: two times are what Cloud Run gives a request (timeoutSeconds in service.yaml), so that writing(deadline=120) may use
#: all of it; DATABASE_DEADLINE is 30. The third costs the server a look at the client's socket each time.
SERVICE_SETTINGS = {
    "search_path": "public",
    "statement_timeout": "120s",
    "idle_in_transaction_session_timeout": "120s",
    "client_connection_check_interval": "5s",
}

#: Postgres cuts longer names of roles (NAMEDATALEN - 1).
LONGEST_ROLE = 63


def slug(answers: Mapping[str, Any]) -> str:
    """The slug that goes with the project's name.

    Raises:
        FailedHookException: the name is not there. Cookiecutter asks for mappings last, and hides what it replays.
    """
    if "project_name" not in answers:
        refuse("project_slug cannot be made: give project_name and project_slug, each as text in quotation marks.")
    return shortened(slugify(answers["project_name"]), LONGEST_SLUG)


def account(answers: Mapping[str, Any]) -> str:
    """What the names of the service's accounts begin with."""
    length = LONGEST_ACCOUNT
    if signs_in_with_account(answers):
        length = min(length, LONGEST_ROLE - len(account_role("-run", answers)))
    return shortened(answers["project_slug"], length)


def roles(answers: Mapping[str, Any]) -> dict[str, Any]:
    """The roles in the database: of the owner of the tables and of the service, and the accounts that have them.

    accounts: for each role the role of a service account, which signs in without a password and is its member; none
    where the two roles sign in themselves. database, instance: what the accounts sign in to. settings: of the
    service's role. service_options,
    job_options: what their connections begin with.
    """
    name = answers["project_slug"].replace("-", "_")
    owner, runtime = f"{name}_owner", f"{name}_run"
    accounts = {}
    if signs_in_with_account(answers):
        name = account(answers)
        accounts = {owner: account_role(f"{name}-job", answers), runtime: account_role(f"{name}-run", answers)}
    place = ":".join(answers[part] for part in ("gcp_project_id", "gcp_region", "project_slug"))
    return {
        "owner": owner,
        "runtime": runtime,
        "accounts": accounts,
        "database": answers["project_slug"].replace("-", "_"),
        "instance": place,
        "settings": SERVICE_SETTINGS,
        "service_options": " ".join(f"-c {name}={value}" for name, value in SERVICE_SETTINGS.items()),
        "job_options": f"-c role={owner}",
    }


def signs_in_with_account(answers: Mapping[str, Any]) -> bool:
    """Whether the service's accounts are roles in the database, without passwords."""
    return bool(tables()["_providers"][answers["provider"]]["sign_in"] == "account")


def account_role(name: str, answers: Mapping[str, Any]) -> str:
    """The role of a service account, as Cloud SQL calls it."""
    return f"{name}@{answers['gcp_project_id']}.iam"


def image(answers: Mapping[str, Any]) -> str:
    """The image's name in the Artifact Registry, without a tag."""
    registry = f"{answers['gcp_region']}-docker.pkg.dev"
    return f"{registry}/{answers['gcp_project_id']}/{answers['project_slug']}/service"


def shortened(name: str, length: int) -> str:
    """A name that fits, its end replaced by a digest where it is too long, so that two long names stay two."""
    if len(name) <= length:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{name[: length - 7].rstrip('-')}-{digest}"
