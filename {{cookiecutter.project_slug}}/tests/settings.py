"""The settings of the service in tests: only those that a test names."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import AliasChoices

from app.database.settings import get_database_settings
from app.settings import Settings, get_settings

PROJECT = Path(__file__).parent.parent

#: The values of your settings that have no default, for example {"API_KEY": "not-a-real-secret"}.
REQUIRED: dict[str, str] = {}

#: The headers of every request, for example {"X-API-Key": "not-a-real-secret"}.
HEADERS: dict[str, str] = {}

#: One request at a time.
ONE_SLOT = {
{% for setting in (cookiecutter | numbers).settings %}
    "{{ setting.name | upper }}": "{{ setting.least }}",
{% endfor %}
}


def variables() -> set[str]:
    """The variables that are read as settings."""
    aliases = [field.validation_alias for field in Settings.model_fields.values()]
    choices = {str(name) for alias in aliases if isinstance(alias, AliasChoices) for name in alias.choices}
    return {name.upper() for name in Settings.model_fields} | choices


def environment(**settings: str) -> dict[str, str]:
    """The environment of a process with only these settings of the service."""
    others = {name: value for name, value in os.environ.items() if name.upper() not in variables()}
    return others | {"PYTHONPATH": str(PROJECT)} | REQUIRED | settings


@contextmanager
def configured(**settings: str) -> Iterator[None]:
    """Inside the block, this process has only these settings of the service."""
    with pytest.MonkeyPatch.context() as patch:
        for name in variables():
            patch.delenv(name, raising=False)
        for name, value in (REQUIRED | settings).items():
            patch.setenv(name, value)
        forget_settings()
        try:
            yield
        finally:
            forget_settings()


def forget_settings() -> None:
    get_settings.cache_clear()
    get_database_settings.cache_clear()
