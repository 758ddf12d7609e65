{% set strategy = cookiecutter._pooling_strategies[cookiecutter.pooling_strategy] %}
{% set provider = cookiecutter._providers[cookiecutter.provider] %}
{% set numbers = cookiecutter | numbers %}
"""The settings of the database from the environment, typed and checked before the first connection."""

import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Self, TypeVar

from pydantic import {{ "AliasChoices, " if provider.direct_url_variables else "" }}Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from .driver import translate
from .providers import PROVIDER, Endpoint, recognize, remedy
from .url import ignored_parameters

log = logging.getLogger(__name__)

Loaded = TypeVar("Loaded", bound=BaseSettings)

#: The kind of endpoint that engine.py is made for; DATABASE_URL must lead to it.
ENDPOINT: Endpoint = "{{ strategy.endpoint }}"

{% if provider.direct_url_variables %}
#: The variables that are read as the direct connection string; the first that is set counts. {{ provider.name }} writes the last.
DIRECT_URL_VARIABLES = ({{ (["DATABASE_DIRECT_URL"] + provider.direct_url_variables) | map("tojson") | join(", ") }})

{% endif %}
#: Where development has its settings.
ENV_FILE = ".env"


class DatabaseSettings(BaseSettings):
    """Each field is read from the environment variable of its name; in development also from the file .env."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE, env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    database_url: SecretStr
    """The connection string as the provider prints it.

    It is {{ numbers.endpoint.connection_string }}.
    """

{% if provider.direct_url_variables %}
    database_direct_url: SecretStr | None = Field(default=None, validation_alias=AliasChoices(*DIRECT_URL_VARIABLES))
{% else %}
    database_direct_url: SecretStr | None = None
{% endif %}
    """The connection string for migrations; DATABASE_URL when not set.

    It is {{ provider.endpoints[provider.migrations].connection_string }}.
    """

{% for setting in numbers.settings %}
    {{ setting.name }}: {{ setting.type }} = Field(default={{ setting.default }}, {{ setting.check }})
    """{{ setting.help }}"""

{% endfor %}
    database_connect_timeout: int = Field(default={{ provider.connect_timeout }}, ge=2)
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
        urls = {"DATABASE_URL": self.database_url, "DATABASE_DIRECT_URL": self.database_direct_url}
        for name, url in urls.items():
            if url and (ignored := ignored_parameters(url)):
                log_ignored(name, ", ".join(ignored))
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
        found = recognize(translate(url)[0])
    except ValueError as error:
        raise ValueError(f"{name} cannot be used. {error}") from None
    if found and not found.serves(wanted):
        raise ValueError(f"{name} leads to {found.provider}'s {found.kind} endpoint: {remedy(found.provider, wanted)}.")


@cache
def log_ignored(name: str, parameters: str) -> None:
    """Say it once, however often this process reads its settings."""
    log.info("%s has parameters for other clients, which are ignored: %s.", name, parameters)


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
                sentences.append(f"DATABASE_URL is not set: {remedy(PROVIDER, ENDPOINT)}.")
            case variable, [], "missing":
                sentences.append(f"{variable} is not set.")
            case "", *_:
                sentences.append(said)
            case variable, [], _:
                sentences.append(f"{variable}: {said}.")
            case variable, _, _:
                sentences.append(f"{variable}, at {'.'.join(inside)}: {said}.")
    return sentences
