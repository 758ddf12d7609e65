"""Errors as problem documents."""

from flask import Response, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, default_exceptions
from werkzeug.sansio.response import Response as AnyResponse

from app.web.bodies import InvalidInputError
from app.web.problems import Problem, database_problem, invalid_input


def http_error(error: HTTPException) -> AnyResponse:
    """An HTTPException of a view or of Flask; also the 500 by which Flask answers an error that it has logged."""
    if error.response or error.code is None:
        return error.get_response()
    response = problem_response(Problem.of(error.code, detail_of(error)))
    response.headers.update((name, value) for name, value in error.get_headers() if name != "Content-Type")
    return response


def detail_of(error: HTTPException) -> object:
    """What the view says about its error. Where it says nothing, the text is Werkzeug's, for people at a browser."""
    standard = default_exceptions.get(error.code or 0, HTTPException)
    return None if error.description == standard.description else error.description


def validation_error(error: InvalidInputError) -> AnyResponse:
    """Input that does not fit the types of the view."""
    return problem_response(invalid_input(error.mistakes))


def database_error(error: SQLAlchemyError) -> AnyResponse:
    """An error of the database that the view did not expect."""
    return problem_response(database_problem(error, f"{request.method} {request.path}"))


def problem_response(problem: Problem) -> Response:
    return Response(problem.body, problem.status, problem.headers)
