{% set strategy = cookiecutter._pooling_strategies[cookiecutter.pooling_strategy] %}
"""The environment, typed and checked before the first request."""

import logging
from functools import cache
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.database.driver import translate
from app.database.url import Endpoint, endpoint

log = logging.getLogger(__name__)

#: The endpoint that DATABASE_URL must lead to, for engine.py to be right.
ENDPOINT: Endpoint = "{{ strategy.endpoint }}"

REMEDIES: dict[Endpoint, str] = {
    "pooled": "use the provider's pooled connection string (on Neon the host with -pooler, on Supabase port 6543)",
    "direct": "use the provider's direct connection string (on Neon the host without -pooler, on Supabase port 5432)",
}


class Settings(BaseSettings):
    """Each field is read from the environment variable of its name; in development also from the file .env."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    database_url: SecretStr
    """The {{ strategy.endpoint }} connection string, as the provider prints it."""

    database_direct_url: SecretStr | None = None
    """The direct connection string, for migrations; DATABASE_URL when not set."""

{% for name, default, minimum, help in strategy.settings %}
    {{ name }}: int = Field(default={{ default }}, ge={{ minimum }})
    """{{ help }}"""

{% endfor %}
    admission_timeout: float = Field(default=10, gt=0)
    """Seconds that a request waits for its turn before it is answered 503."""

    database_connect_timeout: int = Field(default=5, ge=2)
    """Seconds that one attempt to connect may take."""

    database_wake_timeout: float = Field(default=20, ge=0)
    """Seconds during which connecting is tried again, while a suspended database wakes."""

    application_name: str = "{{ cookiecutter.project_slug }}"
    """How the service's connections are called in pg_stat_activity."""

    shutdown_timeout: int = Field(default=8, ge=1)
    """Seconds that requests under way get after SIGTERM; Cloud Run ends the container after 10."""

    port: int = Field(default=8080, ge=1, le=65535)
    """The port to listen on; Cloud Run sets it."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    google_cloud_project: str | None = None
    """The project in whose Cloud Trace the log lines are found."""

{% if strategy.concurrency != "self.concurrency" %}
    @property
    def concurrency(self) -> int:
        """Requests handled at once, each with a connection; Cloud Run's container concurrency equals it."""
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
            ValueError: only a known provider's pooled URL is there.
        """
        url = self.database_direct_url or self.database_url
        refuse_other_endpoint("DATABASE_DIRECT_URL", url, "direct")
        return url


def refuse_other_endpoint(name: str, url: SecretStr, wanted: Endpoint) -> None:
    """Refuse a malformed URL, and a known provider's URL that leads to the other kind of endpoint.

    Raises:
        ValueError: with the remedy.
    """
    try:
        found = endpoint(translate(url)[0])
    except ValueError as error:
        raise ValueError(f"{name} cannot be used. {error}") from None
    if found not in {wanted, None}:
        raise ValueError(f"{name} leads to the provider's {found} endpoint: {REMEDIES[wanted]}.")


@cache
def get_settings() -> Settings:
    """The process's settings.

    Raises:
        pydantic.ValidationError: a variable is missing, malformed or contradicts another.
    """
    return Settings()


def settings_or_exit() -> Settings:
    """The same for programs: one log line that names what is wrong, then exit code 1."""
    try:
        return get_settings()
    except ValidationError as error:
        log.critical("The settings are wrong. %s", " ".join(explained(error)))
        raise SystemExit(1) from None


def explained(error: ValidationError) -> list[str]:
    """One sentence for each mistake, without the value that was given."""
    sentences = []
    for mistake in error.errors(include_url=False, include_context=False, include_input=False):
        name = "_".join(map(str, mistake["loc"])).upper()
        if mistake["type"] == "missing":
            sentences.append(f"{name} is not set: {REMEDIES[ENDPOINT]}.")
        elif name:
            sentences.append(f"{name}: {mistake['msg']}.")
        else:
            sentences.append(mistake["msg"].removeprefix("Value error, "))
    return sentences
