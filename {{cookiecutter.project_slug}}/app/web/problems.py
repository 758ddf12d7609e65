"""Errors in one form: problem documents (RFC 9457: JSON that describes an error), without SQL, URL or traceback."""

import http.client
import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticSerializationError
from sqlalchemy.exc import DataError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.database.errors import reason, sqlstate_of

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

#: Seconds after which a client may try again; a suspended database needs less time to wake.
RETRY_AFTER = 5

#: The name of each status in HTTP (RFC 9110); Python has the newer names since 3.13.
TITLES = http.client.responses | {413: "Content Too Large", 422: "Unprocessable Content"}

CONFLICT = HTTPStatus.CONFLICT
UNPROCESSABLE = HTTPStatus.UNPROCESSABLE_ENTITY
UNAVAILABLE = HTTPStatus.SERVICE_UNAVAILABLE

#: The answer to an SQLSTATE (Postgres's error codes, Appendix A of its documentation). The first two characters are a
#: class; a code of its own goes before its class. What does not stand here is a mistake of the program: 500.
STATUS_OF_SQLSTATE = {
    # The connection is lost, or none was made.
    "08": UNAVAILABLE,
    "28": UNAVAILABLE,
    "3D": UNAVAILABLE,
    # The value does not fit the column.
    "22": UNPROCESSABLE,
    "23502": UNPROCESSABLE,
    "23514": UNPROCESSABLE,
    "44": UNPROCESSABLE,
    # It contradicts another row.
    "23001": CONFLICT,
    "23503": CONFLICT,
    "23505": CONFLICT,
    "23P01": CONFLICT,
    # The server takes no writes now, or has ended a transaction that was idle or took too long.
    "25006": UNAVAILABLE,
    "25P03": UNAVAILABLE,
    "25P04": UNAVAILABLE,
    # Rolled back because of another transaction.
    "40": UNAVAILABLE,
    # No resources: connections, memory, disk.
    "53": UNAVAILABLE,
    # In use: a lock that was not to be had in time.
    "55006": UNAVAILABLE,
    "55P03": UNAVAILABLE,
    # An operator or a time-out has ended it; the server stops or starts.
    "57": UNAVAILABLE,
    # The server's own system fails.
    "58": UNAVAILABLE,
}

#: What the client is told of an error of the database.
DETAILS = {
    CONFLICT: "It contradicts what is already stored.",
    UNPROCESSABLE: "The database cannot store a value of this request.",
    UNAVAILABLE: "The database is not available; try again shortly.",
}

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
        headers = {"cache-control": "no-store"}
        if self.has_body:
            headers["content-type"] = MEDIA_TYPE
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
    """The answer to a database error that ended this request (method and path), which is logged without SQL."""
    problem = problem_of(error)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s failed", request, exc_info=error)
    elif problem.status != HTTPStatus.CONFLICT:
        # The message of a conflict would quote what the client sent.
        log.warning("%s: %d, %s", request, problem.status, reason(error))
    return problem


def problem_of(error: SQLAlchemyError) -> Problem:
    status = status_of(error)
    return Problem.of(status, DETAILS.get(status))


def status_of(error: SQLAlchemyError) -> HTTPStatus:
    """By the SQLSTATE, which says the same for every driver; where there is none, by what SQLAlchemy knows."""
    original = error.orig if isinstance(error, DBAPIError) else None
    sqlstate = sqlstate_of(original)
    if status := STATUS_OF_SQLSTATE.get(sqlstate) or STATUS_OF_SQLSTATE.get(sqlstate[:2]):
        return status
    if isinstance(error, PoolTimeoutError) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return UNAVAILABLE
    if isinstance(error, DataError):
        return UNPROCESSABLE
    return HTTPStatus.INTERNAL_SERVER_ERROR


def invalid_input(errors: Sequence[Any]) -> Problem:
    """The locations and reasons of invalid input, without the values that the client sent."""
    return Problem.of(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        errors=[InvalidInput(location=".".join(map(str, error["loc"])), detail=error["msg"]) for error in errors],
    )


#: The answer to a request for which there is no slot or no memory.
FULL = Problem.of(UNAVAILABLE, "The service is full; try again.")
