"""What only the driver knows of a connection, and what a statement of SQL cannot ask."""

import ssl
from typing import Any
from uuid import uuid4

from sqlalchemy.util import await_

from .encryption import Encryption

#: Connect arguments with which the driver names no prepared statement. A name could stay behind in a pooler.
UNNAMED: dict[str, Any] = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}


def encryption(connection: Any) -> Encryption:
    """How the connection is protected between this process and the endpoint."""
    tls = connection._transport.get_extra_info("ssl_object")
    return Encryption(
        tls=tls is not None,
        version=tls.version() if tls else None,
        certificate_verified=bool(tls) and tls.context.verify_mode == ssl.CERT_REQUIRED,
        host_name_verified=bool(tls) and tls.context.check_hostname,
        # The driver has none.
        channel_bound=False,
    )


def peer_address(connection: Any) -> str | None:
    """The IP address of the endpoint, or None behind a unix socket."""
    peer = connection._transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) else None


def passes_names_on(connection: Any) -> bool | None:
    """Whether the server knows a prepared statement by the name that the driver gives it; None if it cannot be tried.

    A pooler that keeps track of prepared statements gives them its own names. The statement exists only within the
    transaction that has begun, so no other client meets it.
    """
    name = f"check_{uuid4().hex}"
    try:
        statement = await_(connection.prepare("SELECT 1", name=name))
        found = await_(connection.fetch("SELECT name FROM pg_prepared_statements WHERE name = $1", name))
        # The driver closes a statement that nobody refers to when it prepares the next one.
        del statement
        await_(connection.fetch("SELECT 1"))
    except BaseException:
        # A pooler ends a server connection whose client goes away in a transaction, and its statements with it.
        connection.terminate()
        raise
    return bool(found)
