"""The URL's parameters for the driver. They are libpq's own parameters, so all except one pass unchanged."""

import ssl
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import URL

from .url import parse

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


def backend_pid(connection: Any) -> int:
    """The server process that the endpoint named when the connection was made."""
    return int(connection.info.backend_pid)
