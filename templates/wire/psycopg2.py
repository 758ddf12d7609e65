"""What only the driver knows of a connection, and what a statement of SQL cannot ask."""

import os
import socket
from typing import Any

from ..driver import verifies_certificate
from .encryption import Encryption

#: Connect arguments with which the driver names no prepared statement. It never does.
UNNAMED: dict[str, Any] = {}


def encryption(connection: Any) -> Encryption:
    """How the connection is protected between this process and the endpoint."""
    parameters = connection.info.dsn_parameters
    uses_tls = bool(connection.info.ssl_in_use)
    return Encryption(
        tls=uses_tls,
        version=connection.info.ssl_attribute("protocol") if uses_tls else None,
        certificate_verified=uses_tls and verifies_certificate(parameters),
        host_name_verified=uses_tls and parameters.get("sslmode") == "verify-full",
        channel_bound=parameters.get("channel_binding") == "require",
    )


def peer_address(connection: Any) -> str | None:
    """The IP address of the endpoint, or None behind a unix socket."""
    # A duplicate, because closing the object closes its socket.
    with socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
        return None if duplicate.family == socket.AF_UNIX else str(duplicate.getpeername()[0])


def passes_names_on(connection: Any) -> bool | None:
    """Whether the server knows a prepared statement by the name that the driver gives it; None if it cannot be tried.

    This driver has no prepared statements.
    """
    return None
