"""Which errors mean that a connection is lost or must not be used again, and which that a value does not fit."""

from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import DataError, DBAPIError, OperationalError, StatementError

from .deadline import WATCH
from .driver import is_bad_value, is_lost
from .providers import advice

#: The SQLSTATE (Postgres's error codes) of a server that takes no writes. A new connection may lead to another one.
READ_ONLY = "25006"


def recognize_errors(engine: Engine) -> None:
    """Give the errors of this engine one meaning for all drivers.

    An error with connection_invalidated says that there is no connection, or none any more; SQLAlchemy then drops the
    connection. A DataError says that a value does not fit, also where the driver found that out itself.
    """

    @event.listens_for(engine, "handle_error")
    def recognize(context: ExceptionContext) -> BaseException | None:
        original, connection = context.original_exception, context.connection
        if connection is None:
            # Connecting failed, or a ping did.
            context.is_disconnect = True
            return None
        if is_bad_value(original):
            return DataError(context.statement, None, original, hide_parameters=True)
        if sqlstate_of(original) == READ_ONLY or is_lost(original):
            context.is_disconnect = True
            if context.sqlalchemy_exception is None:
                return OperationalError(None, None, original, connection_invalidated=True)
        watch = None if connection.invalidated else connection.info.get(WATCH)
        if watch and watch.end:
            context.is_disconnect = True
            # It says nothing of the pool's other connections.
            context.invalidate_pool_on_disconnect = False
            if isinstance(context.sqlalchemy_exception, StatementError):
                context.sqlalchemy_exception.add_detail(watch.end)
        return None


def sqlstate_of(error: Any) -> str:
    """The SQLSTATE of a driver's error, or the empty string."""
    return getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or ""


def reason(error: Exception) -> str:
    """The error's own words in one line, without the statement and without SQLAlchemy's link, and what to do."""
    if isinstance(error, DBAPIError):
        words, details = str(error.orig), error.detail
    else:
        words, details = " ".join(map(str, error.args)), []
    to_do = advice(words)
    return " ".join([*words.splitlines()[:1], *details, *([f"({to_do})"] if to_do else [])]) or type(error).__name__
