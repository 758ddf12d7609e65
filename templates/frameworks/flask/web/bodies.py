"""How a request is read: as WSGI has it, and its parts as the types of the view."""

import io
import sys
from functools import cache
from typing import Any
from urllib.parse import unquote_to_bytes

from anyio import from_thread
from flask import request
from pydantic import BaseModel, TypeAdapter, ValidationError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, ClientDisconnected, UnsupportedMediaType


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


class Input(io.RawIOBase):
    """The body of a request, as a file that waits for what has not come yet."""

    def __init__(self, message: Any, receive: Any) -> None:
        self.receive = receive
        self.take(message)

    def take(self, message: Any) -> None:
        self.is_cut = message["type"] == "http.disconnect"
        self.chunk: bytes = message.get("body", b"")
        self.more: bool = message.get("more_body", False)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.chunk and self.more:
            self.take(from_thread.run(self.receive))
        if self.is_cut:
            raise ClientDisconnected
        size = min(len(buffer), len(self.chunk))
        buffer[:size] = self.chunk[:size]
        self.chunk = self.chunk[size:]
        return size


def environ_of(scope: Any) -> dict[str, Any]:
    """The request as PEP 3333 describes it; its text is bytes decoded as Latin-1."""
    host, port = scope["server"] or ("", 0)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": scope["client"][0] if scope["client"] else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    for name, value in scope["headers"]:
        # WSGI does not tell an underscore from a dash, so a client could imitate a header of the front end.
        if b"_" not in name:
            add_header(environ, name.decode("latin-1").upper().replace("-", "_"), value.decode("latin-1"))
    return environ


def add_header(environ: dict[str, Any], name: str, value: str) -> None:
    variable = name if name in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{name}"
    if variable not in environ:
        environ[variable] = value
    else:
        environ[variable] += f"{'; ' if name == 'COOKIE' else ', '}{value}"
