"""Connecting is retried while the database wakes.

A suspended database refuses or drops new connections for some hundred milliseconds up to some seconds. Only
connecting is retried, never the work: when the answer to a COMMIT is lost, nobody knows whether it took effect.
"""

import asyncio
import logging
import math
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import await_
from tenacity import RetryCallState, Retrying, stop_before_delay, wait_random_exponential
from tenacity.retry import retry_if_exception, retry_if_exception_type

log = logging.getLogger(__name__)

#: Classes of SQLSTATE (Postgres's error codes) that a retry cannot cure: wrong credentials, no such database, no right
#: to connect to it.
PERMANENT_CLASSES = ("28", "3D", "42")

#: The same as text: libpq reports no SQLSTATE of a failed login, and PgBouncer has its own. If the server's language is
#: not English, these are not recognized, and the error comes after the time-out.
PERMANENT_WORDS = (
    "authentication failed",
    "certificate verify failed",
    "channel binding is required",
    "does not exist",
    "does not match host name",
    "no password supplied",
    "no pg_hba.conf entry",
    "no such database",
    "no such user",
)

#: The most seconds that the caller waits for a connection, if less than the engine's time-out.
caller_timeout: ContextVar[float] = ContextVar("caller_timeout", default=math.inf)


def retry_connect(engine: Engine, timeout: float) -> None:
    """Retry each new connection of this engine until it succeeds or the time-out (seconds) has passed.

    A running attempt is not interrupted, so the total may be longer by the connect time-out.
    """

    @event.listens_for(engine, "do_connect")
    def connect(
        dialect: Dialect, record: ConnectionPoolEntry, arguments: Sequence[Any], keywords: dict[str, Any]
    ) -> DBAPIConnection:
        retrying = Retrying(
            retry=retry_if_exception_type((OSError, dialect.loaded_dbapi.Error)) & retry_if_exception(is_transient),
            stop=stop_before_delay(min(timeout, caller_timeout.get())),
            wait=wait_random_exponential(multiplier=0.1, max=2),
            sleep=lambda seconds: await_(asyncio.sleep(seconds)),
            before_sleep=log_attempt,
            reraise=True,
        )
        try:
            return retrying(dialect.connect, *arguments, **keywords)
        except OSError as error:
            # Some drivers raise plain network errors, which SQLAlchemy does not recognize as database errors.
            raise dialect.loaded_dbapi.OperationalError(str(error) or type(error).__name__) from error


@contextmanager
def connect_within(timeout: float) -> Iterator[None]:
    """Inside the block, retry connecting for at most this many seconds."""
    token = caller_timeout.set(timeout)
    try:
        yield
    finally:
        caller_timeout.reset(token)


def is_transient(error: BaseException) -> bool:
    """Whether a retry may succeed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return False
    sqlstate = getattr(error, "sqlstate", None) or ""
    return not (sqlstate.startswith(PERMANENT_CLASSES) or any(words in str(error) for words in PERMANENT_WORDS))


def log_attempt(attempt: RetryCallState) -> None:
    error = attempt.outcome and attempt.outcome.exception()
    log.warning(
        "The database does not answer yet; attempt %d failed with %s: %s",
        attempt.attempt_number,
        type(error).__name__,
        error,
    )
