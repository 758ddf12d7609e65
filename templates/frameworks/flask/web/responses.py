"""How views answer: the errors that different resources share, and JSON."""

from typing import Any, TypeVar

from pydantic import ValidationError
from werkzeug.exceptions import NotFound

from app.web.bodies import type_adapter
from app.web.problems import Problem

Row = TypeVar("Row")

#: For a view's Response(): how the OpenAPI document describes an error. 422 and 503 are there for every view.
Responses = dict[str, Any]

NOT_FOUND: Responses = {"HTTP_404": (Problem, "There is no such row")}
CONFLICT: Responses = {"HTTP_409": (Problem, "It contradicts what is already stored")}


def or_404(row: Row | None, name: str, key: object) -> Row:
    """The row.

    Raises:
        werkzeug.exceptions.NotFound: there is no row.
    """
    if row is None:
        raise not_found(name, key)
    return row


def not_found(name: str, key: object) -> NotFound:
    return NotFound(f"There is no {name} {key}.")


class InvalidResponseError(Exception):
    """What a view returned does not fit the type that it is documented with."""


def to_json(model: Any, content: object) -> str:
    """The content as JSON of this type.

    Raises:
        InvalidResponseError: it does not fit.
    """
    adapter = type_adapter(model)
    try:
        return adapter.dump_json(adapter.validate_python(content), by_alias=True).decode()
    except ValidationError as error:
        # Its own message holds the values, which are not for logs.
        places = ", ".join(".".join(map(str, mistake["loc"])) for mistake in error.errors())
        raise InvalidResponseError(f"The response does not fit its type in: {places}") from None
