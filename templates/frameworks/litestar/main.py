"""The web application."""

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from litestar import Litestar, Request, Response
from litestar.connection import ASGIConnection
from litestar.enums import HttpMethod, ParamType, RequestEncodingType
from litestar.exceptions import HTTPException, SerializationException, ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.params import BodyKwarg
from litestar.routes import HTTPRoute
from litestar.typing import FieldDefinition
from sqlalchemy.exc import SQLAlchemyError

from app import health, openapi
from app.admission import Admission
from app.concurrency import lifespan
from app.notes.routes import NoteController
from app.problems import Problem, database_problem, invalid_input
from app.request_log import RequestLog
from app.settings import get_settings

log = logging.getLogger(__name__)

AnyRequest = Request[Any, Any, Any]

JSON = re.compile(r"application/(?:[\w.-]+\+)?json")

#: What Litestar says of a parameter that is not there, before it repeats the URL.
MISSING = re.compile(r"Missing required (\w+) parameter '(.+?)' for path ")


def create_app() -> Litestar:
    """The application for the environment's settings.

    Raises:
        pydantic.ValidationError: a setting is missing or wrong.
    """
    settings = get_settings()
    app = Litestar(
        route_handlers=[health.health, health.ready, openapi.document, NoteController],
        lifespan=[lifespan],
        before_request=before_request,
        # Guards add up, where a controller's own before_request would take this one's place.
        guards=[read_json],
        exception_handlers={
            HTTPException: http_error,
            ValidationException: validation_error,
            SQLAlchemyError: database_error,
            Exception: unexpected_error,
        },
        openapi_config=openapi.config(title=settings.application_name),
        # What the process logs is configured before the application is made.
        logging_config=None,
    )
    openapi.forget_bad_request(app)
    # Around routing too: Litestar's own middleware sees only requests that a route was found for.
    app.asgi_handler = Admission(app.asgi_handler, settings.concurrency, settings.admission_timeout)
    app.asgi_handler = RequestLog(app.asgi_handler, settings.google_cloud_project)
    return app


async def before_request(request: AnyRequest) -> Response[None] | None:
    # Async, although it awaits nothing: a plain function would wait for a thread, and /health with it.
    return options_of(request) if request.method == HttpMethod.OPTIONS else None


def options_of(request: AnyRequest) -> Response[None]:
    """The methods that the request's path takes; Litestar's own answer names those of one handler."""
    routes = [route for route in request.app.routes if isinstance(route, HTTPRoute)]
    methods = {
        method for route in routes if route.path_format == request.scope["path_template"] for method in route.methods
    }
    return Response(None, status_code=HTTPStatus.NO_CONTENT, headers={"allow": ", ".join(sorted(methods))})


async def read_json(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A guard: reads the body that a handler takes as JSON, and refuses one that is not JSON or does not say so.

    Browsers send a body of another type to other sites without asking them first.
    """
    data = handler.parsed_fn_signature.parameters.get("data")
    if data is None or media_type_of(data) != RequestEncodingType.JSON:
        return
    request = AnyRequest(connection.scope, connection.receive)
    content_type, _ = request.content_type
    if not await request.body():
        if data.has_default:
            return
        raise refused("Field required")
    if not JSON.fullmatch(content_type):
        raise refused("Its content type should be application/json")
    try:
        await request.json()
    except (SerializationException, UnicodeDecodeError, RecursionError):
        raise refused("It should be valid JSON") from None


def media_type_of(data: FieldDefinition) -> str:
    declared = data.kwarg_definition
    return declared.media_type if isinstance(declared, BodyKwarg) else RequestEncodingType.JSON


def refused(message: str) -> ValidationException:
    """The body as a whole does not fit."""
    return ValidationException(extra=[{"message": message}])


def http_error(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    if error.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
        # Litestar's own complaint about the code, which is not for clients.
        return unexpected_error(request, error)
    return response_of(Problem.of(error.status_code, error.detail), error.headers)


def validation_error(request: AnyRequest, error: ValidationException) -> Response[bytes]:
    if isinstance(error.extra, list):
        return response_of(invalid_input([pydantic_words(mistake) for mistake in error.extra]))
    missing = [{"loc": [kind, name], "msg": "Field required"} for kind, name in MISSING.findall(error.detail)]
    return response_of(invalid_input(missing or [{"loc": ["request"], "msg": "Input is invalid"}]))


def pydantic_words(mistake: dict[str, Any]) -> dict[str, Any]:
    """One of Litestar's messages about invalid input; those about the body do not name a parameter's kind."""
    source, key = mistake.get("source"), mistake.get("key")
    place = source.value if isinstance(source, ParamType) else "body"
    return {"loc": [place, key] if key else [place], "msg": mistake["message"]}


def database_error(request: AnyRequest, error: SQLAlchemyError) -> Response[bytes]:
    return response_of(database_problem(error, f"{request.method} {request.url.path}"))


def unexpected_error(request: AnyRequest, error: Exception) -> Response[bytes]:
    log.exception("%s %s failed", request.method, request.url.path)
    return response_of(Problem.of(HTTPStatus.INTERNAL_SERVER_ERROR))


def response_of(problem: Problem, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    return Response(problem.body, status_code=problem.status, headers={**problem.headers, **(headers or {})})


app = create_app()
