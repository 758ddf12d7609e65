"""Patience while the database wakes.

A suspended database refuses or drops new connections for some hundred milliseconds up to some seconds. Only taking
the connection is tried again, never the work done on it: a lost answer to a COMMIT leaves open whether it took effect.
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

#: Classes of SQLSTATE that no waiting mends: wrong credentials, no such database, no right to connect to it.
HOPELESS_CLASSES = ("28", "3D", "42")

#: The same in words: libpq passes on no SQLSTATE of a failed login, and PgBouncer gives one of its own. In another
#: language than English they are not recognized, and the error comes when the patience ends.
HOPELESS_WORDS = (
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


#: Seconds that the caller has, whatever the engine's patience is.
limit: ContextVar[float] = ContextVar("limit", default=math.inf)


def wait_while_waking(engine: Engine, seconds: float) -> None:
    """Let every new connection of this engine be tried again until one succeeds or this many seconds have passed.

    An attempt under way is not cut short, so the whole may take the connect time-out longer.
    """

    @event.listens_for(engine, "do_connect")
    def connect(
        dialect: Dialect, record: ConnectionPoolEntry, arguments: Sequence[Any], keywords: dict[str, Any]
    ) -> DBAPIConnection:
        retrying = Retrying(
            retry=retry_if_exception_type((OSError, dialect.loaded_dbapi.Error)) & retry_if_exception(may_pass),
            stop=stop_before_delay(min(seconds, limit.get())),
            wait=wait_random_exponential(multiplier=0.1, max=2),
            sleep=lambda seconds: await_(asyncio.sleep(seconds)),
            before_sleep=log_attempt,
            reraise=True,
        )
        try:
            return retrying(dialect.connect, *arguments, **keywords)
        except OSError as error:
            # Some drivers raise bare network errors, which SQLAlchemy would not recognize as the database's.
            raise dialect.loaded_dbapi.OperationalError(str(error) or type(error).__name__) from error


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Shorten the patience inside the block, for who wants to know now."""
    token = limit.set(seconds)
    try:
        yield
    finally:
        limit.reset(token)


def may_pass(error: BaseException) -> bool:
    """Whether the same attempt may succeed later."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return False
    sqlstate = getattr(error, "sqlstate", None) or ""
    return not (sqlstate.startswith(HOPELESS_CLASSES) or any(words in str(error) for words in HOPELESS_WORDS))


def log_attempt(attempt: RetryCallState) -> None:
    error = attempt.outcome and attempt.outcome.exception()
    log.warning(
        "The database does not answer yet; attempt %d failed with %s: %s",
        attempt.attempt_number,
        type(error).__name__,
        error,
    )
