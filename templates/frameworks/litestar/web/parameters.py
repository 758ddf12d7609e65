"""The parameters that handlers of different resources share."""

from typing import Annotated, Any
from uuid import UUID

from litestar.connection import ASGIConnection
from litestar.exceptions import ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.openapi.spec import Example
from litestar.params import ParameterKwarg, PathParameter, QueryParameter
from pydantic_core import PydanticCustomError

from app.database.base import LARGEST_ID
from app.web.notation import canonical_uuid, whole_number
from app.web.pages import LONGEST_PAGE

Id = Annotated[int, PathParameter(ge=1, le=LARGEST_ID, examples=[Example(value=1)])]
UUIDId = Annotated[UUID, PathParameter()]
After = Annotated[
    int,
    QueryParameter(ge=0, le=LARGEST_ID, description="The id after which the page begins", examples=[Example(value=0)]),
]
Limit = Annotated[
    int, QueryParameter(ge=1, le=LONGEST_PAGE, description="How many items at most", examples=[Example(value=20)])
]

NOTATIONS = {int: whole_number, int | None: whole_number, UUID: canonical_uuid, UUID | None: canonical_uuid}


class InvalidParameters(ValidationException):
    """Parameters of the URL that are not written as they should be; extra names each."""


async def check_notation(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A guard: refuses numbers and UUIDs that msgspec, which reads them later, would take in other notations too.

    Raises:
        InvalidParameters: at least one is not written as app/web/notation.py says.
    """
    mistakes = []
    for name, field in handler.parsed_fn_signature.parameters.items():
        marker, check = field.kwarg_definition, NOTATIONS.get(field.annotation)
        if check and isinstance(marker, PathParameter | QueryParameter):
            key = marker.name or name
            try:
                check(value_of(connection, marker, key))
            except PydanticCustomError as error:
                mistakes.append({"source": marker.param_type, "key": key, "message": error.message()})
    if mistakes:
        raise InvalidParameters(extra=mistakes)


def value_of(connection: ASGIConnection[Any, Any, Any, Any], marker: ParameterKwarg, key: str) -> Any:
    """What the URL has for this parameter; of several values in its query, the last one, as for Litestar."""
    if isinstance(marker, PathParameter):
        return connection.path_params.get(key)
    return connection.query_params.getall(key, [None])[-1]
