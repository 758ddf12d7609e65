"""Errors as problem documents."""

from collections.abc import Iterable, Mapping
from http import HTTPMethod, HTTPStatus
from typing import Any

from fastapi import Request, Response
from starlette.routing import BaseRoute, Match

from app.web.bodies import is_unreadable
from app.web.problems import Problem, database_problem, invalid_input

# Starlette declares handlers for any exception, so each takes the error as Any. It runs sync handlers in threads.


async def http_error(request: Request, error: Any) -> Response:
    """An HTTPException of a handler or of FastAPI."""
    if is_unreadable(error):
        return problem_response(invalid_input([{"loc": ["body"], "msg": "It should be valid JSON"}]))
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # Starlette names the methods of the first route that has this path.
        methods = allowed_methods(request.app.routes, request.scope)
        headers |= {"allow": ", ".join(methods)} if methods else {}
    return problem_response(Problem.of(error.status_code, error.detail), headers)


async def validation_error(request: Request, error: Any) -> Response:
    """Input that does not fit the types of the handler."""
    return problem_response(invalid_input(error.errors()))


async def departure(request: Request, error: Any) -> Response:
    """The client has left while a handler read its body piece by piece. RequestLog says so; nobody reads the answer."""
    return problem_response(Problem.of(HTTPStatus.BAD_REQUEST))


async def database_error(request: Request, error: Any) -> Response:
    """An error of the database that the handler did not expect."""
    return problem_response(database_problem(error, f"{request.method} {request.url.path}"))


async def unexpected_error(request: Request, error: Any) -> Response:
    """Any other error. Starlette raises it again when this answer has been sent, and RequestLog logs it."""
    return problem_response(Problem.of(HTTPStatus.INTERNAL_SERVER_ERROR))


def problem_response(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    return Response(problem.body, problem.status, {**problem.headers, **(headers or {})})


def allowed_methods(routes: Iterable[BaseRoute], scope: Any) -> list[str]:
    """The methods that the request's path takes, also below a mounted application."""
    return sorted({method for method in HTTPMethod if takes(routes, {**scope, "method": method.value})})


def takes(routes: Iterable[BaseRoute], scope: Any) -> bool:
    for route in routes:
        match, child_scope = route.matches(scope)
        if match == Match.FULL:
            below = getattr(route, "routes", None)
            return takes(below, {**scope, **child_scope}) if below else True
    return False
