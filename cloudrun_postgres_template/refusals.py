"""Refuse a wrong answer in one sentence, before anything is written."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, NoReturn

from cookiecutter.exceptions import FailedHookException

from cloudrun_postgres_template.tables import questions, tables

LONGEST_TEXT = 120

#: Cloud Run allows 46 characters for a service's name and a revision's tag together; the longest tag that deploy.sh
#: sets is candidate, and a hyphen stands between the two.
LONGEST_SLUG = 37

#: Answer, pattern, and the sentence for an answer that does not fit it.
PATTERNS = {
    "project_slug": (
        # Names of devices are no names of folders on Windows.
        rf"(?!(?:aux|con|nul|prn|com\d|lpt\d)$)[a-z][a-z0-9-]{{1,{LONGEST_SLUG - 2}}}[a-z0-9]",
        f"use 3 to {LONGEST_SLUG} lower-case letters, digits and hyphens, starting with a letter and not ending with "
        "a hyphen, and no name of a device on Windows (con, com1), for example notes-service",
    ),
    "gcp_project_id": (
        r"[a-z][a-z0-9-]{4,28}[a-z0-9]",
        "use the project's id (not its name or number): 6 to 30 lower-case letters, digits and hyphens, "
        "for example my-gcp-project",
    ),
    "gcp_region": (
        r"[a-z]+-[a-z]+[0-9]{1,2}",
        "use a Cloud Run region, for example us-east4 or europe-west3",
    ),
}


def refuse(sentence: str) -> NoReturn:
    """End the run with one line and exit code 1, before anything is written.

    Raises:
        FailedHookException: always; the one exception that cookiecutter reports as its bare message.
    """
    raise FailedHookException(sentence)


def refuse_unfit_answers(answers: Mapping[str, Any]) -> None:
    """Refuse the first of these answers that does not fit, in the order of the questions.

    Raises:
        FailedHookException: says which answer, and what to answer instead.
    """
    for question in questions():
        if question in answers:
            refuse_unfit_answer(question, answers[question])
    if "provider" in answers and "pooling_strategy" in answers:
        refuse_pooling(answers["provider"], answers["pooling_strategy"])
    if "framework" in answers and "driver" in answers:
        refuse_combination(answers["framework"], answers["driver"])


def refuse_unfit_answer(question: str, answer: object) -> None:
    if not isinstance(answer, str):
        refuse(f"{question} is {shown(answer)}, which is no text: give it one line of text, in quotation marks.")
    if isinstance(questions()[question], list):
        refuse_unknown_choice(question, answer)
    elif question in PATTERNS:
        refuse_unfit_name(question, answer)
    else:
        refuse_unfit_text(question, answer)


def refuse_unknown_choice(question: str, answer: str) -> None:
    *others, last = questions()[question]
    if answer not in [*others, last]:
        refuse(f"{question} {shown(answer)} is no choice: take {', '.join(others)} or {last}.")


def refuse_unfit_name(question: str, answer: str) -> None:
    pattern, remedy = PATTERNS[question]
    if not re.fullmatch(pattern, answer):
        refuse(f"{question} {shown(answer)} does not fit: {remedy}.")


def refuse_unfit_text(question: str, text: str) -> None:
    if not text.strip():
        refuse(f"{question} is empty: give it at least one visible character.")
    if len(text) > LONGEST_TEXT:
        refuse(f"{question} has {len(text)} characters: use at most {LONGEST_TEXT}.")
    # Cc, Cf, Cs, Zl and Zp: control, invisible formatting, half of a surrogate pair, line and paragraph separators.
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in text):
        refuse(f"{question} holds a line break or another invisible character: use one line of visible text.")


def refuse_pooling(provider: str, strategy: str) -> None:
    row = tables()["_providers"][provider]
    if strategy not in row["strategies"]:
        refuse(
            f"{row['name']} does not go with {strategy}, which needs the provider's pooler: "
            f"choose {' or '.join(row['strategies'])} as the pooling strategy, or another provider."
        )


def refuse_combination(framework: str, driver: str) -> None:
    drivers = tables()["_drivers"]
    row = tables()["_frameworks"][framework]
    fitting = [name for name in drivers if drivers[name]["flavour"] in row["flavours"]]
    if driver not in fitting:
        refuse(
            f"{row['name']} does not go with {driver}, whose calls must be awaited: "
            f"choose {' or '.join(fitting)} as the driver, or another framework."
        )


def shown(answer: object) -> str:
    """An answer as it can stand in a one-line message."""
    return ascii(answer)[:60]
