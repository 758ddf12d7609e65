"""The questions and the tables of cookiecutter.json, as the template has them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent.parent / "cookiecutter.json"

CONTEXT: Mapping[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))

#: What the template knows of each choice. One leading underscore: cookiecutter neither asks nor renders it.
TABLES = {name: table for name, table in CONTEXT.items() if name.startswith("_") and not name.startswith("__")}

#: Each question with its default, or with the list of its choices.
QUESTIONS = {name: default for name, default in CONTEXT.items() if not name.startswith("_")}
