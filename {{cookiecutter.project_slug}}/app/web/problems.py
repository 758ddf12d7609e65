"""Errors in one form: problem documents (RFC 9457: JSON that describes an error), without SQL, URL or traceback."""

import http.client
import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticSerializationError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

#: Seconds after which a client may try again; a suspended database needs less time to wake.
RETRY_AFTER = 5

#: The name of each status in HTTP (RFC 9110); Python has the newer names since 3.13.
TITLES = http.client.responses | {413: "Content Too Large", 422: "Unprocessable Content"}

#: SQLSTATEs (Postgres's error codes) of writes that conflict with another row: unique, foreign key and exclusion.
CONFLICTS = {"23505", "23503", "23P01"}

#: Classes of SQLSTATE that say the database cannot be used now: connection lost, login refused, no such database,
#: rolled back because of another transaction, no resources, shutting down.
UNAVAILABLE_CLASSES = ("08", "28", "3D", "40", "53", "57")

#: Statuses whose answers never have a body (RFC 9110).
WITHOUT_BODY = {HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT, HTTPStatus.NOT_MODIFIED}


def may_replace(name: str, value: object) -> bool:
    """Whether a handler may set this member: not status or errors; type, title and detail only as text."""
    return name not in {"status", "errors"} and (name not in {"type", "title", "detail"} or isinstance(value, str))


class InvalidInput(BaseModel):
    location: str = Field(examples=["body.title"])
    detail: str = Field(examples=["String should have at least 1 character"])


class Problem(BaseModel):
    """A problem document (RFC 9457); it may have other members too."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(default="about:blank", examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str | None = Field(default=None, examples=["There is no note 7."])
    errors: list[InvalidInput] | None = Field(default=None, examples=[None])

    @classmethod
    def of(cls, status: int, detail: object = None, errors: list[InvalidInput] | None = None) -> "Problem":
        """The problem of this status.

        A text is its detail, a mapping gives its members, and any other value is the member "details".
        """
        title = TITLES.get(status, "Error")
        match detail:
            case None | "":
                members: dict[str, Any] = {}
            case str():
                members = {} if detail == title else {"detail": detail}
            case Mapping():
                members = {str(name): value for name, value in detail.items() if may_replace(str(name), value)}
                # The member "errors" has a form of its own.
                members |= {"details": detail["errors"]} if "errors" in detail else {}
            case _:
                members = {"details": detail}
        return cls(**{"title": title, **members, "status": status, "errors": errors})

    @property
    def has_body(self) -> bool:
        return self.status >= HTTPStatus.OK and self.status not in WITHOUT_BODY

    @property
    def headers(self) -> dict[str, str]:
        headers = {"content-type": MEDIA_TYPE} if self.has_body else {}
        if self.status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers["retry-after"] = str(RETRY_AFTER)
        return headers

    @property
    def body(self) -> bytes:
        if not self.has_body:
            return b""
        try:
            return self.model_dump_json(exclude_none=True, fallback=str).encode()
        except PydanticSerializationError:
            # Bytes, or halves of characters, which UTF-8 does not hold.
            return json.dumps(self.model_dump(exclude_none=True), default=ascii).encode()


def database_problem(error: SQLAlchemyError, request: str) -> Problem:
    """The answer to a database error that ended this request (method and path): 409, 503 or 500."""
    problem = problem_of(error)
    # The client caused a conflict, and the message would quote what the client sent.
    if problem.status != HTTPStatus.CONFLICT:
        unexpected = problem.status == HTTPStatus.INTERNAL_SERVER_ERROR
        log.error("%s: %s", request, error, exc_info=unexpected)
    return problem


def problem_of(error: SQLAlchemyError) -> Problem:
    sqlstate = sqlstate_of(error)
    if sqlstate in CONFLICTS:
        return Problem.of(HTTPStatus.CONFLICT, "It contradicts what is already stored.")
    lost = isinstance(error, PoolTimeoutError | OperationalError | InterfaceError)
    if lost or sqlstate.startswith(UNAVAILABLE_CLASSES):
        return Problem.of(HTTPStatus.SERVICE_UNAVAILABLE, "The database is not available; try again shortly.")
    return Problem.of(HTTPStatus.INTERNAL_SERVER_ERROR)


def sqlstate_of(error: SQLAlchemyError) -> str:
    """The error's SQLSTATE, or the empty string if the database gave none."""
    original: Any = error.orig if isinstance(error, DBAPIError) else None
    return getattr(original, "sqlstate", None) or getattr(original, "pgcode", None) or ""


def invalid_input(errors: Sequence[Any]) -> Problem:
    """The locations and reasons of invalid input, without the values that the client sent."""
    return Problem.of(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        errors=[InvalidInput(location=".".join(map(str, error["loc"])), detail=error["msg"]) for error in errors],
    )
