"""What the template's files need beyond Jinja: refusals, quoting, short names, and sync text from async text.

Cookiecutter loads this module from the template's own folder, so it imports nothing that cookiecutter does not bring.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from cookiecutter.exceptions import FailedHookException
from jinja2 import Environment
from jinja2.ext import Extension

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
    tables = ("_frameworks", "_interfaces", "_drivers")
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


def quoted(text: str) -> str:
    """User text as a quoted string that TOML, YAML and JSON read alike.

    JSON's own escapes are legal in all three; characters outside ASCII stay as they are, because TOML forbids the
    surrogate pairs that JSON would write for them.
    """
    return json.dumps(text, ensure_ascii=False)


def shortened(name: str, length: int) -> str:
    """A name that fits, its end replaced by a digest where it is too long, so that two long names stay two."""
    if len(name) <= length:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{name[: length - 7].rstrip('-')}-{digest}"


def markdown(text: str) -> str:
    """User text as Markdown that shows it as it was typed."""
    return re.sub(r"([\\`*_\[\]<>&#|~])", r"\\\1", text)


def python_entries(rows: Sequence[Sequence[str]], indent: int) -> str:
    """Rows of name, expression and reason as the lines of a Python dict display."""
    lines = []
    for name, expression, reason in rows:
        if reason:
            lines.append(f"# {reason}")
        lines.append(f'"{name}": {expression},')
    return "".join(f"{' ' * indent}{line}\n" for line in lines)


def filled(source: str, name: str, rows: Sequence[Sequence[str]]) -> str:
    """Write a table's rows into the empty dict that a plain Python part declares under this name.

    Raises:
        ValueError: the part declares no such empty dict.
    """
    declaration = re.compile(rf"^( *)({name}: dict\[str, Any\] = )\{{\}}$", re.MULTILINE)
    if not declaration.search(source):
        raise ValueError(f"No empty dict named {name} to fill.")
    return declaration.sub(
        lambda found: f"{found[1]}{found[2]}{{\n{python_entries(rows, len(found[1]) + 4)}{found[1]}}}", source
    )


#: Async Python to the sync Python that means the same, one rewrite per line.
TO_SYNC = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\bAwaitable\[(\w+)\]", r"\1"),
        (r", Awaitable\b", ""),
        # Litestar runs a sync handler in a thread only where its decorator says so.
        (r"(?m)^( *@(?:get|post|put|patch|delete)\(.+)\)$", r"\1, sync_to_thread=True)"),
        (r"\basync (?=def |with |for )", ""),
        (r"\bawait (?=\S)", ""),
        (r"\bAsyncSession\((\w+), sync_session_class=(\w+), ", r"\2(\1, "),
        (r"\bAsync(?=[A-Z])|\basync(?=contextmanager\b)|(?<=\bcreate_)async_(?=engine\b)", ""),
        (r"\b(sqlalchemy|sqlmodel)\.ext\.asyncio(?:\.session)?\b", r"\1"),
        (r"\.sync_engine\b", ""),
        (r" *sleep=lambda seconds: await_\(asyncio\.sleep\(seconds\)\),\n", ""),
        (r"from sqlalchemy\.util import await_\n", ""),
        (r"import asyncio\n(?:\n(?=from ))?", ""),
        (r"\basyncio\.run\((\w+\(\))\)", r"\1"),
        (r"\b(\w+)\.run_sync\((\w+)\)", r"\2(\1)"),
    )
)


def flavoured(source: str, flavour: str) -> str:
    """Async Python as it is, or its sync form when the driver is sync."""
    if flavour == "async":
        return source
    for pattern, replacement in TO_SYNC:
        source = pattern.sub(replacement, source)
    return tidied_imports(source)


def tidied_imports(source: str) -> str:
    """Imports as isort leaves them: neighbours from one module as one line, names in order."""
    source = re.sub(r"^(from (\S+) import .+)\nfrom \2 import (.+)$", r"\1, \3", source, flags=re.MULTILINE)
    return re.sub(r"(?<=^from )(\S+) import ([\w, ]+)$", sorted_names, source, flags=re.MULTILINE)


def sorted_names(line: re.Match[str]) -> str:
    names = sorted(set(line[2].split(", ")), key=import_order)
    return f"{line[1]} import {', '.join(names)}"


def import_order(name: str) -> tuple[bool, bool, str]:
    """Constants first, then classes, then functions."""
    return not name.isupper(), not name[0].isupper(), name


class Service(Extension):
    """The filters, under the names that the template's files use."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters.update(
            accepted=accepted,
            quoted=quoted,
            shortened=shortened,
            markdown=markdown,
            filled=filled,
            flavoured=flavoured,
        )
