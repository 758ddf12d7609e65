"""Refuse a wrong answer in one sentence, before anything is written."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from cookiecutter.exceptions import FailedHookException

LONGEST_TEXT = 120

#: Answer, pattern, and the sentence for an answer that does not fit it.
PATTERNS = (
    (
        "project_slug",
        # Cloud Run allows 46 characters for a service's name and a revision's tag together; the longest tag that
        # deploy.sh sets is candidate. Service accounts need 6, of which three are a suffix.
        r"[a-z][a-z0-9-]{1,35}[a-z0-9]",
        "use 3 to 37 lower-case letters, digits and hyphens, starting with a letter and not ending with a hyphen, "
        "for example notes-service",
    ),
    (
        "gcp_project_id",
        r"[a-z][a-z0-9-]{4,28}[a-z0-9]",
        "use the project's id (not its name or number): 6 to 30 lower-case letters, digits and hyphens, "
        "for example my-gcp-project",
    ),
    (
        "gcp_region",
        r"[a-z]+-[a-z]+[0-9]{1,2}",
        "use a Cloud Run region, for example us-east4 or europe-west3",
    ),
)


def refuse(sentence: str) -> None:
    """End the run with one line and exit code 1, before anything is written.

    Raises:
        FailedHookException: always; the one exception that cookiecutter reports as its bare message.
    """
    raise FailedHookException(sentence)


def accepted(answers: Mapping[str, Any]) -> str:
    """Refuse the first wrong answer among those given so far; the empty string when there is none."""
    for key in ("project_name", "description"):
        refuse_unfit_text(key, str(answers.get(key, "-")))
    for key, pattern, remedy in PATTERNS:
        if key in answers and not re.fullmatch(pattern, str(answers[key])):
            refuse(f"{key} {shown(answers[key])} does not fit: {remedy}.")
    refuse_name_of_a_requirement(answers)
    if "driver" in answers:
        refuse_combination(answers)
    return ""


def refuse_unfit_text(key: str, text: str) -> None:
    if not text.strip():
        refuse(f"{key} is empty: give it at least one visible character.")
    if len(text) > LONGEST_TEXT:
        refuse(f"{key} has {len(text)} characters: use at most {LONGEST_TEXT}.")
    # Cc, Cf, Cs, Zl and Zp: control, invisible formatting, half of a surrogate pair, line and paragraph separators.
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in text):
        refuse(f"{key} holds a line break or another invisible character: use one line of visible text.")


def refuse_name_of_a_requirement(answers: Mapping[str, Any]) -> None:
    """A project that has the name of something it depends on cannot be resolved."""
    tables = ("_frameworks", "_drivers")
    rows = [row for table in tables for row in answers[table].values()]
    requirements = [*answers["_requirements"], *(name for row in rows for name in row["requirements"])]
    names = {re.split(r"[^a-z0-9-]", requirement)[0] for requirement in requirements}
    if answers.get("project_slug") in names:
        refuse(f"project_slug {shown(answers['project_slug'])} is a package that the service needs: add a word.")


def refuse_combination(answers: Mapping[str, Any]) -> None:
    drivers = answers["_drivers"]
    framework = answers["_frameworks"][answers["framework"]]
    if drivers[answers["driver"]]["flavour"] in framework["flavours"]:
        return
    fitting = [name for name, driver in drivers.items() if driver["flavour"] in framework["flavours"]]
    refuse(
        f"{framework['name']} does not go with {answers['driver']}, whose calls must be awaited: "
        f"choose {' or '.join(fitting)} as the driver, or another framework."
    )


def shown(answer: object) -> str:
    """An answer as it can stand in a one-line message."""
    return ascii(str(answer)[:60])
