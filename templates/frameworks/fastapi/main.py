"""The web application."""

from collections.abc import Mapping
from http import HTTPMethod, HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app import health
from app.admission import Admission
from app.concurrency import lifespan
from app.notes import routes as notes
from app.openapi import Service, operation_id
from app.problems import Problem, database_problem, invalid_input
from app.request_log import RequestLog
from app.settings import get_settings

#: What FastAPI says with 400 of a body that is not text or that no parser takes; with other malformed JSON it says 422.
UNREADABLE_BODY = "There was an error parsing the body"


def create_app() -> FastAPI:
    """The application for the environment's settings.

    Raises:
        pydantic.ValidationError: a setting is missing or wrong.
    """
    settings = get_settings()
    app = Service(
        title=settings.application_name,
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
        # A redirect would name the host and scheme that a proxy made up.
        redirect_slashes=False,
    )
    app.include_router(health.router)
    app.include_router(notes.router)
    app.add_middleware(Admission, concurrency=settings.concurrency, seconds=settings.admission_timeout)
    app.add_middleware(RequestLog, project=settings.google_cloud_project)
    answer_with_problems(app)
    return app


def answer_with_problems(app: FastAPI) -> None:
    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        if error.detail == UNREADABLE_BODY:
            return response_of(invalid_input([{"loc": ["body"], "msg": "It should be valid JSON"}]))
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            # Starlette names the methods of the first route that has this path.
            return response_of(Problem.of(error.status_code), {"allow": ", ".join(methods_of(app, request))})
        return response_of(Problem.of(error.status_code, error.detail), error.headers)

    @app.exception_handler(RequestValidationError)
    async def validation_error(request: Request, error: RequestValidationError) -> Response:
        return response_of(invalid_input(error.errors()))

    @app.exception_handler(SQLAlchemyError)
    async def database_error(request: Request, error: SQLAlchemyError) -> Response:
        return response_of(database_problem(error, f"{request.method} {request.url.path}"))


def methods_of(app: FastAPI, request: Request) -> list[str]:
    """The methods that the request's path takes."""
    scopes = {method.value: {**request.scope, "method": method.value} for method in HTTPMethod}
    return [
        name for name, scope in scopes.items() if any(route.matches(scope)[0] == Match.FULL for route in app.routes)
    ]


def response_of(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    return Response(problem.body, problem.status, {**problem.headers, **(headers or {})})


app = create_app()
