"""Names that several files of a service share, made from the answers."""

import hashlib
from collections.abc import Mapping
from typing import Any

from slugify import slugify

from cloudrun_postgres_template.refusals import LONGEST_SLUG, refuse

#: Google Cloud allows 30 characters for a service account's name; the longest suffix is -run or -job.
LONGEST_ACCOUNT = 26


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
    return shortened(answers["project_slug"], LONGEST_ACCOUNT)


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
