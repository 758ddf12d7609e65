"""The settings from the environment, typed and checked before the first request."""

import json
from functools import cache
from typing import Any, Literal

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, field_validator
from pydantic_settings import SettingsConfigDict

from app.database.settings import DatabaseSettings, load_or_exit

#: pydantic's error types for text where it expects several values.
SEVERAL_VALUES = {
    "dataclass_type",
    "dict_type",
    "frozen_set_type",
    "list_type",
    "model_attributes_type",
    "model_type",
    "sequence_str",
    "set_type",
    "tuple_type",
}


class Settings(DatabaseSettings):
    """Each field is read from the environment variable of its name; in development also from the file .env."""

    # Values stay text until read_several(): JSON is not the only way to write a list.
    model_config = SettingsConfigDict(enable_decoding=False)

    admission_timeout: float = Field(default=25, gt=0)
    """Seconds that a request waits for a slot before it is answered 503; longer than a database may take to wake."""

    max_body_size: int = Field(default=1048576, ge=0)
    """The most bytes of a request's body; more is answered 413."""

    body_timeout: float = Field(default=20, gt=0)
    """Seconds in which a request's body must arrive, else 408. A large one waits as long for its turn."""

    header_timeout: float = Field(default=10, gt=0)
    """Seconds in which the header of a request must arrive."""

    send_timeout: float = Field(default=20, gt=0)
    """Seconds after which a client that reads nothing of its answer is cut off."""

    shutdown_timeout: int = Field(default=8, ge=1)
    """Seconds that running requests get after SIGTERM; Cloud Run ends the container after 10."""

    port: int = Field(default=8080, ge=1, le=65535)
    """The port to listen on; Cloud Run sets it."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    docs: bool = False
    """Whether /docs is served: a page that shows /openapi.json and sends requests. make run turns it on."""

    google_cloud_project: str | None = None
    """The project whose Cloud Trace shows the log lines."""

    @field_validator("*", mode="wrap")
    @classmethod
    def read_several(cls, value: Any, read: ValidatorFunctionWrapHandler) -> Any:
        """Read a list as JSON or as comma-separated words: CORS_ORIGINS=https://a.example,https://b.example."""
        try:
            return read(value)
        except ValidationError as error:
            if not (isinstance(value, str) and error.errors()[0]["type"] in SEVERAL_VALUES):
                raise
        if value.lstrip().startswith(("[", "{")):
            return read(json.loads(value))
        return read([word for part in value.split(",") if (word := part.strip())])


@cache
def get_settings() -> Settings:
    """The settings of this process.

    Raises:
        pydantic.ValidationError: a variable is missing, malformed or contradicts another.
    """
    return Settings()


def settings_or_exit() -> Settings:
    """The settings for a program: a mistake becomes one log line, and the program ends with exit code 1."""
    return load_or_exit(get_settings)
