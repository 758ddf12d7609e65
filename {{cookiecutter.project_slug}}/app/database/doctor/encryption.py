"""How a connection is protected on its way to the endpoint."""

from typing import NamedTuple


class Encryption(NamedTuple):
    tls: bool
    #: The version of TLS, or None if the driver does not tell it.
    version: str | None
    certificate_verified: bool
    host_name_verified: bool
    #: Whether the login was required to be bound to the server's certificate, which proves that its owner answered.
    channel_bound: bool
