"""The settings of the service in tests: only those that a test names."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.database.settings import get_database_settings
from app.settings import Settings, get_settings

PROJECT = Path(__file__).parent.parent

#: The values of your settings that have no default, for example {"API_KEY": "not-a-real-secret"}.
REQUIRED: dict[str, str] = {}

#: The headers of every request, for example {"X-API-Key": "not-a-real-secret"}.
HEADERS: dict[str, str] = {}

#: One request at a time.
ONE_SLOT = {
{% for setting in cookiecutter._pooling_strategies[cookiecutter.pooling_strategy].settings %}
    "{{ setting.name | upper }}": "{{ setting.least }}",
{% endfor %}
}


def environment(**settings: str) -> dict[str, str]:
    """The environment of a process with only these settings of the service."""
    others = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    return others | {"PYTHONPATH": str(PROJECT)} | REQUIRED | settings


@contextmanager
def configured(**settings: str) -> Iterator[None]:
    """Inside the block, this process has only these settings of the service."""
    with pytest.MonkeyPatch.context() as patch:
        for name in Settings.model_fields:
            patch.delenv(name.upper(), raising=False)
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
