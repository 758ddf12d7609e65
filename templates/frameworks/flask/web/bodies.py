"""How a request is read: its body, and its other parts, as the types of the view."""

from functools import cache
from typing import Any

from flask import request
from pydantic import BaseModel, TypeAdapter, ValidationError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, UnsupportedMediaType


class InvalidInputError(Exception):
    """The request does not fit the types of its view."""

    def __init__(self, mistakes: list[dict[str, Any]]) -> None:
        super().__init__("The input is invalid.")
        self.mistakes = mistakes


@cache
def type_adapter(model: Any) -> TypeAdapter[Any]:
    """What validates and serializes this type, built once."""
    return TypeAdapter(model)


def read_as(model: Any, part: str, value: object) -> Any:
    """The value of this part of the request (path, query, body ...) as its type.

    Raises:
        InvalidInputError: it does not fit.
    """
    try:
        return type_adapter(model).validate_python(value)
    except ValidationError as error:
        raise InvalidInputError([{**mistake, "loc": (part, *mistake["loc"])} for mistake in error.errors()]) from None


def read_json() -> Any:
    """The request's body.

    Raises:
        InvalidInputError: it is not JSON, or does not say that it is.
    """
    try:
        return request.get_json()
    except UnsupportedMediaType:
        message = "Its content type should be application/json"
    except (BadRequest, RecursionError):
        message = "It should be valid JSON"
    raise InvalidInputError([{"loc": ("body",), "msg": message}])


def values(given: MultiDict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Each parameter of a query or form: all of its values where the model has a list for them, else the last one."""
    lists = list_fields(model)
    return {name: found if name in lists else found[-1] for name, found in given.lists()}


@cache
def list_fields(model: type[BaseModel]) -> set[str]:
    """The fields that take several values, by their names in a request."""
    properties = model.model_json_schema().get("properties", {})
    alternatives = {name: [schema, *schema.get("anyOf", [])] for name, schema in properties.items()}
    return {name for name, schemas in alternatives.items() if any(schema.get("type") == "array" for schema in schemas)}
