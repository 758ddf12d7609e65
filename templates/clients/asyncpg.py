"""What is the driver's own: the URL's parameters, and what a connection and an error tell.

asyncpg knows most of libpq's parameters, and cannot apply all of them.
"""

import logging
import socket
import ssl
from typing import Any
from urllib.parse import urlencode

import asyncpg  # type: ignore[import-untyped]
from pydantic import SecretStr
from sqlalchemy import URL
from sqlalchemy.engine import AdaptedConnection
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect

from .url import parse


class WithoutGivenUpCancellations(logging.Filter):
    """Drops a report that means nothing.

    asyncpg cancels a statement on a connection of its own. Where the statement's connection ends before that, it leaves
    a future behind, which asyncio reports as an error.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not (isinstance(error, ConnectionError) and str(error) == "unexpected connection_lost() call")


logging.getLogger("asyncio").addFilter(WithoutGivenUpCancellations())

#: The name of the driver's connect argument for the time-out of one attempt, in seconds.
CONNECT_TIMEOUT = "timeout"

#: Where to connect. SQLAlchemy reads these from the URL itself.
ADDRESS = {"host", "port"}

#: Parameters that asyncpg reads from a connection string as libpq does.
SAME_MEANING = {
    "application_name",
    "client_encoding",
    "gsslib",
    "krbsrvname",
    "options",
    "passfile",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslpassword",
    "sslrootcert",
    "target_session_attrs",
}

#: Parameters that it reads only with sslmode, not when verified_tls() makes the TLS context.
READ_WITH_TLS_MODE = {"ssl_max_protocol_version", "ssl_min_protocol_version", "sslcrl"}

#: Parameters that have no effect when they have one of these values.
NOTHING_ASKED = {
    "channel_binding": {"disable", "prefer"},
    "gssencmode": {"disable", "prefer"},
    "keepalives": {"0"},
    "sslsni": {"1"},
}


def translate(database_url: SecretStr) -> tuple[URL, dict[str, Any]]:
    """The URL for SQLAlchemy, and connect arguments that a URL cannot carry.

    Raises:
        ValueError: not a Postgres URL, or it has a parameter that asyncpg cannot apply.
    """
    url = parse(database_url)
    parameters = {name: str(value) for name, value in url.query.items()}
    address = {name: parameters.pop(name) for name in ADDRESS & parameters.keys()}
    # DatabaseSettings has its own connect time-out, for every driver.
    parameters.pop("connect_timeout", None)
    arguments: dict[str, Any] = {}
    if parameters.get("channel_binding") == "require" or parameters.get("sslrootcert") == "system":
        arguments["ssl"] = verified_tls(parameters)
    known = SAME_MEANING - READ_WITH_TLS_MODE if "ssl" in arguments else SAME_MEANING
    for name in parameters.keys() - known:
        if parameters.pop(name) not in NOTHING_ASKED.get(name, set()):
            raise ValueError(f"asyncpg cannot honour the parameter {name}: take it out of the URL.")
    if parameters:
        arguments["dsn"] = f"postgresql:///?{urlencode(parameters)}"
    return url.set(query=address), arguments


def verified_tls(parameters: dict[str, str]) -> ssl.SSLContext:
    """TLS that verifies the server's certificate. It removes the parameters that it applies.

    asyncpg has no channel binding, which binds the login to the server's certificate. If the URL requires it, this
    verifies the certificate instead: that also prevents another machine from posing as the server. It needs a
    certificate from a public authority, as hosted databases have, or the authority's certificate in sslrootcert.
    """
    parameters.pop("channel_binding", None)
    parameters.pop("sslmode", None)
    root = parameters.pop("sslrootcert", "system")
    context = ssl.create_default_context(cafile=None if root == "system" else root)
    # A server asks for it where TLS begins at once (sslnegotiation=direct).
    context.set_alpn_protocols(["postgresql"])
    if certificate := parameters.pop("sslcert", None):
        context.load_cert_chain(certificate, parameters.pop("sslkey", None), parameters.pop("sslpassword", None))
    return context


def backend_pid(connection: Any) -> int:
    """The server process that the endpoint named when the connection was made."""
    return int(connection.get_server_pid())


def ping(dialect: Dialect, dbapi_connection: DBAPIConnection) -> None:
    """Ask the server for an answer, in one round trip; a statement of SQLAlchemy's would be prepared, which takes two.

    Raises:
        dialect.loaded_dbapi.Error: the server did not answer.
    """
    assert isinstance(dbapi_connection, AdaptedConnection)
    try:
        dbapi_connection.run_async(lambda connection: connection.execute("SELECT 1"))
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
        raise dialect.loaded_dbapi.OperationalError(str(error), error) from error


def duplicate_socket(connection: Any) -> socket.socket | None:
    """A socket object of its own for the connection's socket; None if the connection has none any more."""
    own = None if connection.is_closed() else connection._transport.get_extra_info("socket")
    return own and socket.fromfd(own.fileno(), socket.AF_INET, socket.SOCK_STREAM)


def is_idle(connection: Any) -> bool:
    """Whether the connection is open and in no transaction, as far as the driver knows without asking the server."""
    return not (connection.is_closed() or connection.is_in_transaction())


def is_lost(error: BaseException | None) -> bool:
    """Whether this error says that the connection must not be used again, where the driver has not closed it.

    It ended in the middle of a message, or its prepared statements no longer fit the tables.
    """
    cause = error.__cause__ if error else None
    return isinstance(cause, asyncpg.InternalClientError | asyncpg.InvalidCachedStatementError)


def is_bad_value(error: BaseException | None) -> bool:
    """Whether the driver itself refused a value that it was to send."""
    cause = error.__cause__ if error else None
    return isinstance(cause, asyncpg.InterfaceError) and isinstance(cause, ValueError)
