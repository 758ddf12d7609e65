"""What only the driver knows of a connection, and what a statement of SQL cannot ask."""

from typing import Any
from uuid import uuid4

from psycopg import capabilities
from sqlalchemy.util import await_

from ..driver import verifies_certificate
from .encryption import Encryption

#: Connect arguments with which the driver names no prepared statement. The engine has them at every endpoint.
UNNAMED: dict[str, Any] = {}


def encryption(connection: Any) -> Encryption:
    """How the connection is protected between this process and the endpoint."""
    parameters = connection.info.get_parameters()
    uses_tls = bool(connection.pgconn.ssl_in_use)
    return Encryption(
        tls=uses_tls,
        # The driver does not tell it.
        version=None,
        certificate_verified=uses_tls and verifies_certificate(parameters),
        host_name_verified=uses_tls and parameters.get("sslmode") == "verify-full",
        channel_bound=parameters.get("channel_binding") == "require",
    )


def peer_address(connection: Any) -> str | None:
    """The IP address of the endpoint, or None behind a unix socket."""
    return connection.info.hostaddr or None


def passes_names_on(connection: Any) -> bool | None:
    """Whether the server knows a prepared statement by the name that the driver gives it; None if it cannot be tried.

    A pooler that keeps track of prepared statements gives them its own names. The statement exists only within the
    transaction that has begun, so no other client meets it.
    """
    # The protocol's message for it came with libpq 17. In SQL, the pooler would not recognize the name.
    if not capabilities.has_send_close_prepared():
        return None
    name = f"check_{uuid4().hex}"
    connection.pgconn.prepare(name.encode(), b"SELECT 1")
    try:
        cursor = await_(connection.execute("SELECT name FROM pg_prepared_statements WHERE name = %s", [name]))
        return bool(await_(cursor.fetchall()))
    finally:
        connection.pgconn.close_prepared(name.encode())
