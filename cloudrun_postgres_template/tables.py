"""The questions and the tables of cookiecutter.json, as the template has them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent.parent / "cookiecutter.json"


def questions() -> dict[str, Any]:
    """Each question with its default, or with the list of its choices."""
    return {name: default for name, default in context().items() if not name.startswith("_")}


def tables() -> dict[str, Any]:
    """What the template knows of each choice.

    The names have one leading underscore: cookiecutter asks for no such value, and renders none.
    """
    return {name: table for name, table in context().items() if name.startswith("_") and not name.startswith("__")}


@cache
def context() -> dict[str, Any]:
    """The file's content."""
    content: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return content
