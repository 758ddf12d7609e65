"""What only the driver knows of a connection, and what a statement of SQL cannot ask."""

import os
import socket
from pathlib import Path
from typing import Any

from .encryption import Encryption

#: Connect arguments with which the driver names no prepared statement. It never does.
UNNAMED: dict[str, Any] = {}

#: Where libpq looks for the authority's certificate when it is told of no other file.
AUTHORITY = "~/.postgresql/root.crt"


def encryption(connection: Any) -> Encryption:
    """How the connection is protected between this process and the endpoint."""
    parameters = connection.info.dsn_parameters
    mode = parameters.get("sslmode", "prefer")
    uses_tls = bool(connection.info.ssl_in_use)
    # libpq verifies in every mode when it finds the authority's certificate.
    has_authority = Path(parameters.get("sslrootcert", AUTHORITY)).expanduser().exists()
    return Encryption(
        tls=uses_tls,
        version=connection.info.ssl_attribute("protocol") if uses_tls else None,
        certificate_verified=uses_tls and (mode.startswith("verify") or has_authority),
        host_name_verified=uses_tls and mode == "verify-full",
        channel_bound=parameters.get("channel_binding") == "require",
    )


def peer_address(connection: Any) -> str | None:
    """The IP address of the endpoint, or None behind a unix socket."""
    # A duplicate, because closing the object closes its socket.
    with socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
        return None if duplicate.family == socket.AF_UNIX else str(duplicate.getpeername()[0])


def ping(connection: Any) -> None:
    """One round trip, if a transaction has begun."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def passes_names_on(connection: Any) -> bool | None:
    """Whether the server knows a prepared statement by the name that the driver gives it; None if it cannot be tried.

    This driver has no prepared statements.
    """
    return None
