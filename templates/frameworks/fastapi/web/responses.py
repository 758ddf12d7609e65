"""The answers that handlers of different resources share."""

from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import HTTPException

from app.web.problems import Problem

Row = TypeVar("Row")

#: For a route's responses: how the OpenAPI document describes an error. 422 and 503 are there for every route.
Responses = dict[int | str, dict[str, Any]]

NOT_FOUND: Responses = {HTTPStatus.NOT_FOUND: {"model": Problem, "description": "There is no such row"}}
CONFLICT: Responses = {HTTPStatus.CONFLICT: {"model": Problem, "description": "It contradicts what is already stored"}}


def or_404(row: Row | None, name: str, key: object) -> Row:
    """The row.

    Raises:
        HTTPException: 404, there is no row.
    """
    if row is None:
        raise not_found(name, key)
    return row


def not_found(name: str, key: object) -> HTTPException:
    return HTTPException(HTTPStatus.NOT_FOUND, f"There is no {name} {key}.")
