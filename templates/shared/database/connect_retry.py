"""Connecting is retried while the database wakes.

A suspended database refuses or drops new connections for some hundred milliseconds up to some seconds. A pooler lets
its clients log in even while its server is away, so behind a pooler a ping belongs to connecting.

Only connecting is retried, never the work: when the answer to a COMMIT is lost, nobody knows whether it took effect.
"""

import asyncio
import logging
import math
import ssl
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import await_
from tenacity import RetryCallState, Retrying, wait_random_exponential
from tenacity.retry import retry_if_exception

from .deadline import watchdog
from .driver import CONNECT_TIMEOUT
from .providers import advice
from .settings import ENDPOINT

log = logging.getLogger(__name__)

#: Classes of SQLSTATE (Postgres's error codes) that a retry cannot cure: wrong credentials, no such database, no right
#: to connect to it.
PERMANENT_CLASSES = ("28", "3D", "42")

#: The same as text, in small letters: libpq reports no SQLSTATE of a failed login, and PgBouncer has its own. Providers
#: have words too (see advice). If the server's language is not English, none is recognized, and the error comes after
#: the time-out.
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

#: The shortest time-out of one attempt, in seconds. libpq takes no shorter one.
SHORTEST_ATTEMPT = 2

#: The most seconds that the caller waits for a connection, if less than the engine's time-out.
caller_timeout: ContextVar[float] = ContextVar("caller_timeout", default=math.inf)


@dataclass
class Connects:
    """How often a caller tried to connect, and the seconds that it waited for that."""

    attempts: int = 0
    seconds: float = 0

    def fields(self) -> dict[str, int]:
        """The fields of a log line; none where nothing was connected."""
        waited = {"attempts": self.attempts, "database_wait_ms": round(1000 * self.seconds)}
        return waited if self.attempts else {}


#: The count of the caller, for example of one request; where there is none, each failed attempt is logged.
connects: ContextVar[Connects | None] = ContextVar("connects", default=None)


def retry_connect(engine: Engine, timeout: float) -> None:
    """Retry each new connection of this engine until it succeeds or the time-out (seconds) has passed."""

    @event.listens_for(engine, "do_connect")
    def connect(
        dialect: Dialect, record: ConnectionPoolEntry, arguments: Sequence[Any], keywords: dict[str, Any]
    ) -> DBAPIConnection:
        count = connects.get() or Connects()
        started = time.monotonic()

        def time_left() -> float:
            return min(started + min(timeout, caller_timeout.get()) - time.monotonic(), watchdog.time_left())

        def attempt() -> DBAPIConnection:
            count.attempts += 1
            limit = max(SHORTEST_ATTEMPT, math.ceil(time_left()))
            return connect_once(dialect, arguments, keywords | {CONNECT_TIMEOUT: min(keywords[CONNECT_TIMEOUT], limit)})

        retrying = Retrying(
            retry=retry_if_exception(lambda error: is_transient(error, dialect)),
            stop=lambda state: state.upcoming_sleep >= time_left(),
            wait=wait_random_exponential(multiplier=0.1, max=2),
            sleep=lambda seconds: await_(asyncio.sleep(seconds)),
            before_sleep=log_attempt,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except OSError as error:
            # Some drivers raise plain network errors, which SQLAlchemy does not recognize as database errors.
            raise dialect.loaded_dbapi.OperationalError(str(error) or type(error).__name__) from error
        finally:
            count.seconds += time.monotonic() - started


def connect_once(dialect: Dialect, arguments: Sequence[Any], keywords: dict[str, Any]) -> DBAPIConnection:
    """A connection whose server answers.

    Raises:
        OSError, dialect.loaded_dbapi.Error: there is none.
    """
    if watchdog.time_left() < SHORTEST_ATTEMPT:
        raise dialect.loaded_dbapi.OperationalError("The service ends and connects no more.")
    try:
        connection = dialect.connect(*arguments, **keywords)
    except UnicodeDecodeError as error:
        # psycopg2 cannot read what the other side says.
        raise dialect.loaded_dbapi.OperationalError(str(error)) from None
    except BaseException as error:
        # The frames hold the half-made connection, and with it a socket, until Python collects garbage.
        traceback.clear_frames(error.__traceback__)
        raise
    try:
        if ENDPOINT == "pooled":
            dialect.do_ping(connection)
    except BaseException:
        dialect.do_terminate(connection)
        raise
    return connection


@contextmanager
def connect_within(timeout: float) -> Iterator[None]:
    """Inside the block, retry connecting for at most this many seconds."""
    token = caller_timeout.set(timeout)
    try:
        yield
    finally:
        caller_timeout.reset(token)


def is_transient(error: BaseException, dialect: Dialect) -> bool:
    """Whether a retry may succeed."""
    if isinstance(error, ssl.SSLCertVerificationError) or not isinstance(error, OSError | dialect.loaded_dbapi.Error):
        return False
    sqlstate = getattr(error, "sqlstate", None) or ""
    said = str(error).lower()
    refused_for_good = advice(said) or any(words in said for words in PERMANENT_WORDS)
    return not (sqlstate.startswith(PERMANENT_CLASSES) or refused_for_good)


def log_attempt(attempt: RetryCallState) -> None:
    error = attempt.outcome and attempt.outcome.exception()
    log.log(
        logging.DEBUG if connects.get() else logging.WARNING,
        "The database does not answer yet; attempt %d failed with %s: %s",
        attempt.attempt_number,
        type(error).__name__,
        error,
    )
