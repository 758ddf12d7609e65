"""Let no file be rendered from an answer that nobody checked.

Answers come from prompts, arguments, a user's configuration and replay files, and cookiecutter hands on what it finds
there: also numbers and lists, choices that do not exist, and tables of an older template. It renders something before
each question, and the name of the service's folder before it writes anything. So the check is made whenever something
is rendered, of the answers given so far.
"""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment
from jinja2.runtime import Context

from cloudrun_postgres_template.refusals import refuse_unfit_answers
from cloudrun_postgres_template.tables import questions, tables

#: What cookiecutter itself reads among the answers while it writes files. This template has neither.
WRITING_OPTIONS = ("_copy_without_render", "_new_lines")


class AnswersContext(Context):
    """What a file of the template sees: its `cookiecutter` is what `checked` makes of the original.

    The original loses the options of an older template.

    Raises:
        FailedHookException: an answer does not fit.
    """

    def __init__(self, environment: Environment, parent: dict[str, Any], *names: Any, **options: Any) -> None:
        if "cookiecutter" in parent:
            # Before it asks, cookiecutter keeps aside what arguments and configuration gave.
            given = parent.get("_cookiecutter", {})
            # Cookiecutter looks for them in the original, after it has rendered the name of the service's folder.
            for option in WRITING_OPTIONS:
                parent["cookiecutter"].pop(option, None)
            parent = {**parent, "cookiecutter": checked(parent["cookiecutter"], given)}
        super().__init__(environment, parent, *names, **options)


def checked(answers: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The answers as text, with the template's own tables."""
    texts = {question: as_text(answers[question]) for question in questions() if question in answers}
    # Where a text is wanted, cookiecutter takes a list for choices, and asks or takes the first.
    lists = {
        question: given[question] for question in texts if is_text(question) and isinstance(given.get(question), list)
    }
    refuse_unfit_answers(texts | lists)
    return {**answers, **texts, **tables()}


def as_text(answer: object) -> object:
    """A number as text; anything else as it is."""
    is_number = isinstance(answer, int | float) and not isinstance(answer, bool)
    return str(answer) if is_number else answer


def is_text(question: str) -> bool:
    """Whether it is answered by a text and not by a choice."""
    return isinstance(questions()[question], str)
