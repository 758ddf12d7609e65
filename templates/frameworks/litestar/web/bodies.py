"""How Litestar reads a body."""

import re
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.enums import RequestEncodingType
from litestar.exceptions import SerializationException, ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.params import BodyKwarg
from litestar.typing import FieldDefinition

JSON = re.compile(r"application/(?:[\w.-]+\+)?json")


class UnreadableBody(ValidationException):
    """The body as a whole does not fit; the detail says why."""


async def read_json(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A guard: reads the body that a handler takes as JSON, and refuses one that is not JSON or does not say so.

    Browsers send a body of another type to other sites without asking them first.

    Raises:
        UnreadableBody: the body is missing, of another type or malformed.
    """
    data = handler.parsed_fn_signature.parameters.get("data")
    if not isinstance(connection, Request) or data is None or media_type_of(data) != RequestEncodingType.JSON:
        return
    content_type, _ = connection.content_type
    if not await connection.body():
        if data.has_default:
            return
        raise UnreadableBody("Field required")
    if not JSON.fullmatch(content_type):
        raise UnreadableBody("Its content type should be application/json")
    try:
        await connection.json()
    except (SerializationException, UnicodeDecodeError, RecursionError):
        raise UnreadableBody("It should be valid JSON") from None


def media_type_of(data: FieldDefinition) -> str:
    declared = data.kwarg_definition
    return declared.media_type if isinstance(declared, BodyKwarg) else RequestEncodingType.JSON
