"""What is the driver's own: the URL's parameters, and what a connection and an error tell.

The parameters are libpq's, so all except one pass unchanged.
"""

import socket
import ssl
from contextlib import closing
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import URL
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect

from .url import parse

#: The name of the driver's connect argument for the time-out of one attempt, in whole seconds.
CONNECT_TIMEOUT = "connect_timeout"

#: libpq's transaction status PQTRANS_IDLE.
IDLE = 0

#: Where libpq looks for the authority's certificate when it is told of no other file.
AUTHORITY = "~/.postgresql/root.crt"

#: The file with the certificates of the public authorities in Debian, and so in the service's image.
DEBIAN_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


def translate(database_url: SecretStr) -> tuple[URL, dict[str, Any]]:
    """The URL for SQLAlchemy, and connect arguments that a URL cannot carry.

    Raises:
        ValueError: not a Postgres URL, or it has a parameter that cannot be applied.
    """
    url = parse(database_url)
    if url.query.get("sslrootcert") == "system":
        return url, {"sslmode": "verify-full", "sslrootcert": str(system_authorities())}
    return url, {}


def system_authorities() -> Path:
    """The file for sslrootcert=system. The libpq in the driver's wheel does not know where it is.

    Raises:
        ValueError: this system has no such file.
    """
    file = Path(ssl.get_default_verify_paths().cafile or DEBIAN_AUTHORITIES)
    if not file.exists():
        raise ValueError("This system has no file of public authorities: install ca-certificates or set SSL_CERT_FILE.")
    return file


def verifies_certificate(parameters: dict[str, str]) -> bool:
    """Whether libpq verifies the server's certificate; if it finds the authority's own, it does in every mode."""
    authority = Path(parameters.get("sslrootcert", AUTHORITY)).expanduser()
    return parameters.get("sslmode", "").startswith("verify") or authority.exists()


def backend_pid(connection: Any) -> int:
    """The server process that the endpoint named when the connection was made."""
    return int(connection.info.backend_pid)


def ping(dialect: Dialect, dbapi_connection: DBAPIConnection) -> None:
    """Ask the server for an answer, in one round trip unless the driver begins a transaction first.

    Raises:
        dialect.loaded_dbapi.Error: the server did not answer.
    """
    try:
        with closing(dbapi_connection.cursor()) as cursor:
            cursor.execute("SELECT 1")
    except UnicodeDecodeError as error:
        # psycopg2 cannot read what the other side says.
        raise dialect.loaded_dbapi.OperationalError(str(error)) from None


def duplicate_socket(connection: Any) -> socket.socket | None:
    """A socket object of its own for the connection's socket; None if the connection has none any more."""
    number = -1 if connection.closed else connection.fileno()
    return socket.fromfd(number, socket.AF_INET, socket.SOCK_STREAM) if number >= 0 else None


def is_idle(connection: Any) -> bool:
    """Whether the connection is open and in no transaction, as far as the driver knows without asking the server."""
    return int(connection.info.transaction_status) == IDLE


def is_lost(error: BaseException | None) -> bool:
    """Whether this error says that the connection must not be used again, where the driver has not closed it."""
    # When a connection ends during a statement, psycopg may meet two results where it expects one.
    met_two = type(error).__name__ == "InternalError" and not getattr(error, "sqlstate", None)
    # psycopg2 cannot read what the other side says.
    return met_two or isinstance(error, UnicodeDecodeError)


def is_bad_value(error: BaseException | None) -> bool:
    """Whether the driver itself refused a value that it was to send."""
    return isinstance(error, ValueError | OverflowError) and not isinstance(error, UnicodeDecodeError)
