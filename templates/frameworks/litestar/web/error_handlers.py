"""Errors as problem documents."""

import http.client
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.enums import ParamType, ScopeType
from litestar.exceptions import HTTPException, LitestarException, SerializationException, ValidationException
from litestar.openapi.spec import Operation, Parameter
from litestar.types import Scope
from sqlalchemy.exc import SQLAlchemyError
from uvicorn.protocols.utils import ClientDisconnected

from app.web.bodies import UnreadableBody
from app.web.parameters import InvalidParameters
from app.web.problems import Problem, database_problem, invalid_input

log = logging.getLogger(__name__)

AnyRequest = Request[Any, Any, Any]


def http_error(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    """An HTTPException of a handler or of Litestar."""
    if is_departure(error):
        # Nobody reads the answer, and RequestLog says what happened.
        return problem_response(Problem.of(HTTPStatus.BAD_REQUEST))
    if error.status_code == HTTPStatus.INTERNAL_SERVER_ERROR and is_raised_by_litestar(error):
        # Litestar's own complaint about the code, which is not for clients.
        return unexpected_error(request, error)
    if isinstance(error.__cause__, SerializationException) and is_raised_by_litestar(error):
        return problem_response(invalid_input([{"loc": ["body"], "msg": error.detail}]))
    return problem_response(problem_of(error, error.status_code), error.headers)


def validation_error(request: AnyRequest, error: ValidationException) -> Response[bytes]:
    """Input that does not fit the types of the handler, or that the handler itself refuses."""
    if not (isinstance(error, InvalidParameters) or is_raised_by_litestar(error)):
        return problem_response(problem_of(error, HTTPStatus.UNPROCESSABLE_ENTITY), error.headers)
    match error.extra, error.__cause__:
        case list(mistakes), _:
            return problem_response(invalid_input([pydantic_words(mistake) for mistake in mistakes]))
        case _, KeyError(args=[name]):
            return problem_response(invalid_input([{"loc": [source_of(request, name), name], "msg": "Field required"}]))
    return problem_response(invalid_input([{"loc": ["request"], "msg": "Input is invalid"}]))


def unreadable_body(request: AnyRequest, error: UnreadableBody) -> Response[bytes]:
    return problem_response(invalid_input([{"loc": ["body"], "msg": error.detail}]))


def database_error(request: AnyRequest, error: SQLAlchemyError) -> Response[bytes]:
    """An error of the database that the handler did not expect."""
    return problem_response(database_problem(error, f"{request.method} {request.url.path}"))


def unexpected_error(request: AnyRequest, error: Exception) -> Response[bytes]:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem_response(Problem.of(HTTPStatus.INTERNAL_SERVER_ERROR))


async def log_websocket_error(error: Exception, scope: Scope) -> None:
    """Log what the handler of a WebSocket did not expect. Litestar closes the socket and says nothing."""
    # ClientDisconnected is how Uvicorn tells a handler that sends that its client went away.
    expected = isinstance(error, LitestarException | ClientDisconnected)
    if getattr(error, "status_code", None) == HTTPStatus.INTERNAL_SERVER_ERROR:
        expected = False
    if scope["type"] == ScopeType.WEBSOCKET and not expected:
        log.error("WebSocket %s failed", scope["path"], exc_info=error)


def problem_response(problem: Problem, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    given = {name.lower(): value for name, value in (headers or {}).items()}
    return Response(problem.body, status_code=problem.status, headers={**problem.headers, **given})


def problem_of(error: HTTPException, status: int) -> Problem:
    """The error's detail and extra: a mapping gives members of the document, a list is the member "details"."""
    # Without a detail, Litestar gives the status's name.
    detail = {} if error.detail == http.client.responses.get(error.status_code) else {"detail": error.detail}
    extra = error.extra if isinstance(error.extra, Mapping) else {"details": error.extra} if error.extra else {}
    return Problem.of(status, {**extra, **detail})


def is_departure(error: HTTPException) -> bool:
    """Whether Litestar says that the client has left while a handler read the request's body piece by piece."""
    return error.detail == "client disconnected prematurely" and is_raised_by_litestar(error)


def is_raised_by_litestar(error: Exception) -> bool:
    """Whether Litestar's code raised the error, and not a handler's."""
    traceback = error.__traceback__
    while traceback and traceback.tb_next:
        traceback = traceback.tb_next
    return traceback is not None and traceback.tb_frame.f_globals["__name__"].startswith("litestar.")


def pydantic_words(mistake: dict[str, Any]) -> dict[str, Any]:
    """One of Litestar's messages about invalid input; those about the body do not name a parameter's kind."""
    if "loc" in mistake:
        # A PydanticDTO passes on what pydantic says.
        return {"loc": ["body", *mistake["loc"]], "msg": mistake["msg"]}
    source, key = mistake.get("source"), mistake.get("key")
    place = source.value if isinstance(source, ParamType) else "body"
    return {"loc": [place, key] if key else [place], "msg": mistake["message"]}


def source_of(request: AnyRequest, name: str) -> str:
    """Where the document says that this parameter stands: in the query, a header or a cookie."""
    path = (request.app.openapi_schema.paths or {}).get(request.scope["path_template"])
    operation = getattr(path, request.method.lower(), None)
    parameters = (operation.parameters or []) if isinstance(operation, Operation) else []
    found = [item for item in parameters if isinstance(item, Parameter) and item.name.lower() == name.lower()]
    return ParamType(found[0].param_in).value if found else "request"
