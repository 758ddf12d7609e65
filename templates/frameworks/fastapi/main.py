"""The web application."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from app import health
from app.admission import Admission
from app.concurrency import lifespan
from app.notes import routes as notes
from app.problems import MEDIA_TYPE, Problem, database_problem, invalid_input
from app.request_log import RequestLog
from app.settings import get_settings

log = logging.getLogger(__name__)


class Service(FastAPI):
    """FastAPI whose OpenAPI document gives errors the media type that they have."""

    def openapi(self) -> dict[str, Any]:
        if not self.openapi_schema:
            for path in super().openapi()["paths"].values():
                for operation in path.values():
                    name_media_type(operation["responses"])
        return super().openapi()


def name_media_type(responses: dict[str, Any]) -> None:
    for status, response in responses.items():
        if status >= "400" and "application/json" in response.get("content", {}):
            response["content"] = {MEDIA_TYPE: response["content"]["application/json"]}


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


def operation_id(route: APIRoute) -> str:
    """The handler's name, which makes a readable name in a generated client."""
    return route.name


def answer_with_problems(app: FastAPI) -> None:
    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        return response_of(Problem.of(error.status_code, error.detail), error.headers)

    @app.exception_handler(RequestValidationError)
    async def validation_error(request: Request, error: RequestValidationError) -> Response:
        return response_of(invalid_input(error.errors()))

    @app.exception_handler(SQLAlchemyError)
    async def database_error(request: Request, error: SQLAlchemyError) -> Response:
        problem = database_problem(error)
        # A conflict is the client's, and its message would quote what the client sent.
        if problem.status != HTTPStatus.CONFLICT:
            unexpected = problem.status == HTTPStatus.INTERNAL_SERVER_ERROR
            log.error("%s %s: %s", request.method, request.url.path, error, exc_info=unexpected)
        return response_of(problem)


def response_of(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    return Response(problem.body, problem.status, {**problem.headers, **(headers or {})})


app = create_app()
