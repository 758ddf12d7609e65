{% set strategy = cookiecutter._pooling_strategies[cookiecutter.pooling_strategy] %}
"""The settings of the database from the environment, typed and checked before the first connection."""

import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from .driver import translate
from .url import Endpoint, endpoint

log = logging.getLogger(__name__)

Loaded = TypeVar("Loaded", bound=BaseSettings)

#: The kind of endpoint that engine.py is made for; DATABASE_URL must lead to it.
ENDPOINT: Endpoint = "{{ strategy.endpoint }}"

REMEDIES: dict[Endpoint, str] = {
    "pooled": "use the provider's pooled connection string (on Neon the host with -pooler, on Supabase port 6543)",
    "direct": "use the provider's direct connection string (on Neon the host without -pooler, on Supabase port 5432)",
}

#: Where development has its settings.
ENV_FILE = ".env"


class DatabaseSettings(BaseSettings):
    """Each field is read from the environment variable of its name; in development also from the file .env."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE, env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    database_url: SecretStr
    """The {{ strategy.endpoint }} connection string, as the provider prints it."""

    database_direct_url: SecretStr | None = None
    """The direct connection string, for migrations; DATABASE_URL when not set."""

{% for setting in strategy.settings %}
    {{ setting.name }}: {{ setting.type }} = Field(default={{ setting.default }}, {{ setting.check }})
    """{{ setting.help }}"""

{% endfor %}
    database_connect_timeout: int = Field(default=5, ge=2)
    """Seconds that one attempt to connect may take."""

    database_wake_timeout: float = Field(default=20, ge=0)
    """Seconds during which connecting is retried, while a suspended database wakes."""

    database_deadline: float = Field(default=30, gt=0)
    """Seconds that a session may hold its connection; afterwards the connection is closed, and the request fails."""

    application_name: str = "{{ cookiecutter.project_slug }}"
    """The name of the service's connections in pg_stat_activity."""

{% if strategy.concurrency != "self.concurrency" %}
    @property
    def concurrency(self) -> int:
        """The most connections and the most requests at once; Cloud Run's container concurrency equals it."""
        return {{ strategy.concurrency }}

{% endif %}
    @model_validator(mode="after")
    def endpoints_fit(self) -> Self:
        refuse_other_endpoint("DATABASE_URL", self.database_url, ENDPOINT)
        if self.database_direct_url:
            refuse_other_endpoint("DATABASE_DIRECT_URL", self.database_direct_url, "direct")
        return self

    def migration_url(self) -> SecretStr:
        """The URL that migrations run on.

        Raises:
            ValueError: there is only a known provider's pooled URL.
        """
        url = self.database_direct_url or self.database_url
        refuse_other_endpoint("DATABASE_DIRECT_URL", url, "direct")
        return url


def refuse_other_endpoint(name: str, url: SecretStr, wanted: Endpoint) -> None:
    """Refuse a malformed URL, and a known provider's URL that leads to the other kind of endpoint.

    Raises:
        ValueError: the message says what to do.
    """
    try:
        found = endpoint(translate(url)[0])
    except ValueError as error:
        raise ValueError(f"{name} cannot be used. {error}") from None
    if found not in {wanted, None}:
        raise ValueError(f"{name} leads to the provider's {found} endpoint: {REMEDIES[wanted]}.")


@cache
def get_database_settings() -> DatabaseSettings:
    """The database settings of this process.

    Raises:
        pydantic.ValidationError: a variable is missing, malformed or contradicts another.
    """
    return DatabaseSettings()


def load_or_exit(load: Callable[[], Loaded]) -> Loaded:
    """Load settings for a program: a mistake becomes one log line, and the program ends with exit code 1."""
    try:
        return load()
    except (OSError, ValueError) as error:
        log.critical("The settings are wrong. %s", " ".join(explain(error)))
        raise SystemExit(1) from None


def explain(error: OSError | ValueError) -> list[str]:
    """One sentence for each mistake, without the value that was given."""
    sentences = mistakes(error) if isinstance(error, ValidationError) else [unreadable(error)]
    if Path(ENV_FILE).is_dir():
        sentences.append(f"{ENV_FILE} is a directory: nothing was read from it.")
    return sentences


def unreadable(error: OSError | ValueError) -> str:
    """What keeps all settings from being read."""
    return f"{ENV_FILE} is not UTF-8: {error}." if isinstance(error, UnicodeError) else f"{error}."


def mistakes(error: ValidationError) -> list[str]:
    sentences = []
    for mistake in error.errors(include_url=False, include_context=False, include_input=False):
        # The first part of the location is the variable, the others lead to a place in its value.
        name, *inside = [str(part) for part in mistake["loc"]] or [""]
        said = mistake["msg"].removeprefix("Value error, ")
        match name.upper(), inside, mistake["type"]:
            case "DATABASE_URL", [], "missing":
                sentences.append(f"DATABASE_URL is not set: {REMEDIES[ENDPOINT]}.")
            case variable, [], "missing":
                sentences.append(f"{variable} is not set.")
            case "", *_:
                sentences.append(said)
            case variable, [], _:
                sentences.append(f"{variable}: {said}.")
            case variable, _, _:
                sentences.append(f"{variable}, at {'.'.join(inside)}: {said}.")
    return sentences
