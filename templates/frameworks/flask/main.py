"""The web application."""

from flask import Flask, Response, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException
from werkzeug.sansio.response import Response as AnyResponse

from app import health
from app.admission import Admission
from app.notes import routes as notes
from app.openapi import InvalidInputError, api
from app.problems import Problem, database_problem, invalid_input
from app.request_log import RequestLog
from app.settings import get_settings


def create_app() -> Flask:
    """The application for the environment's settings.

    Raises:
        pydantic.ValidationError: a setting is missing or wrong.
    """
    settings = get_settings()
    app = Flask(__name__, static_folder=None)
    # A redirect would name the host and scheme that a proxy made up.
    app.url_map.merge_slashes = False
    app.register_blueprint(health.blueprint)
    app.register_blueprint(notes.blueprint)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(InvalidInputError, validation_error)
    app.register_error_handler(SQLAlchemyError, database_error)
    api.config.title = settings.application_name
    api.register(app)
    app.wsgi_app = Admission(app.wsgi_app, settings.concurrency, settings.admission_timeout)  # type: ignore[method-assign]
    app.wsgi_app = RequestLog(app.wsgi_app, settings.google_cloud_project)  # type: ignore[method-assign]
    return app


def http_error(error: HTTPException) -> AnyResponse:
    """A refusal by the routing or a view function, and as a 500 what Flask has logged as an unexpected error."""
    if error.response or error.code is None:
        return error.get_response()
    said = error.description if error.description != type(error).description else None
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    response = response_of(Problem.of(error.code, said))
    response.headers.update(headers)
    return response


def validation_error(error: InvalidInputError) -> AnyResponse:
    return response_of(invalid_input(error.mistakes))


def database_error(error: SQLAlchemyError) -> AnyResponse:
    return response_of(database_problem(error, f"{request.method} {request.path}"))


def response_of(problem: Problem) -> Response:
    return Response(problem.body, problem.status, problem.headers)
