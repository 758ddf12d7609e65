"""A connection string as a provider prints it, and its parts."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote

from pydantic import SecretStr
from sqlalchemy import URL

from .providers import DEFAULT_PORT, IGNORED_PARAMETERS, recognize

DIALECT = "{{ cookiecutter._drivers[cookiecutter.driver].dialect }}"

#: libpq's values of sslmode, from no TLS to full verification; from the fourth on the connection is always encrypted.
TLS_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

#: The parameters that a URL may have: those of libpq, as its documentation lists them.
PARAMETERS = """
application_name channel_binding client_encoding connect_timeout dbname fallback_application_name gssdelegation
gssencmode gsslib host hostaddr keepalives keepalives_count keepalives_idle keepalives_interval krbsrvname
load_balance_hosts max_protocol_version min_protocol_version options passfile password port replication
require_auth requirepeer service ssl_max_protocol_version ssl_min_protocol_version sslcert sslcertmode sslcrl
sslcrldir sslkey sslmode sslnegotiation sslpassword sslrootcert sslsni target_session_attrs tcp_user_timeout user
"""

#: How to write in a user name or password what has a meaning of its own in a URL.
ESCAPES = "in a user name or password, write % as %25, / as %2F, ? as %3F, # as %23, @ as %40 and : as %3A"


def parse(database_url: SecretStr) -> URL:
    """A SQLAlchemy URL from a connection string as a provider prints it.

    Takes postgres:// and postgresql://, percent-encoded user names and passwords, IPv6 addresses, several hosts and
    unix sockets. A known provider's URL gets at least sslmode=require; where its endpoint begins TLS at once, also
    sslnegotiation=direct, unless the URL says otherwise. verify-full without sslrootcert trusts the public certificate
    authorities. Parameters for clients of other languages are left out.

    Raises:
        ValueError: it is not such a string. The message names the wrong part and never quotes a secret.
    """
    text = database_url.get_secret_value().strip()
    refuse_what_cannot_be_decoded(text)
    # An @ behind the host's place means that the host is not what it seems: a password ends there.
    found = re.fullmatch(
        r"(?:postgres|postgresql)(?:\+\w+)?://(?P<authority>[^/?#]*)(?:/(?P<database>[^?#@]*))?(?:\?(?P<query>[^#@]*))?",
        text,
    )
    if not found:
        raise ValueError(f"It does not look like postgresql://user:password@host/database; {ESCAPES}.")
    credentials, _, hosts = found["authority"].rpartition("@")
    user, _, password = credentials.partition(":")
    query = parameters(found["query"])
    for name in IGNORED_PARAMETERS:
        query.pop(name, None)
    refuse_unknown_parameters(query)
    addresses = [address(text) for text in hosts.split(",") if text]
    if query.get("sslmode", "prefer") not in TLS_MODES:
        raise ValueError(f"Its sslmode is none of {', '.join(TLS_MODES)}.")
    url = URL.create(
        DIALECT,
        username=query.pop("user", unquote(user)) or None,
        password=query.pop("password", unquote(password)) or None,
        database=query.pop("dbname", unquote(found["database"] or "")) or None,
        query=query,
    )
    if len(addresses) == 1 and not addresses[0][0].startswith("/"):
        url = url.set(host=addresses[0][0], port=addresses[0][1])
    elif addresses:
        hosts = ",".join(host for host, _ in addresses)
        ports = ",".join(str(port or DEFAULT_PORT) for _, port in addresses)
        url = url.update_query_dict({"host": hosts, "port": ports})
    known = recognize(url)
    if known and known.tls and url.query.get("sslmode", "prefer") in TLS_MODES[:3]:
        url = url.update_query_dict({"sslmode": "require"})
    if known and known.tls == "direct" and "sslnegotiation" not in url.query:
        url = url.update_query_dict({"sslnegotiation": "direct"})
    if url.query.get("sslmode") == "verify-full" and "sslrootcert" not in url.query:
        url = url.update_query_dict({"sslrootcert": "system"})
    return url


def parameters(query: str | None) -> dict[str, str]:
    return dict(parse_qsl((query or "").replace("+", "%2B"), keep_blank_values=True))


def ignored_parameters(database_url: SecretStr) -> list[str]:
    """The parameters of this connection string that parse() leaves out."""
    query = database_url.get_secret_value().partition("?")[2]
    return sorted(IGNORED_PARAMETERS & parameters(query).keys())


def refuse_what_cannot_be_decoded(text: str) -> None:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("It holds percent-encoded bytes that are not UTF-8.") from None
    if "\0" in decoded:
        raise ValueError("It holds %00, which Postgres does not take.")


def refuse_unknown_parameters(query: Mapping[str, str]) -> None:
    unknown = query.keys() - set(PARAMETERS.split())
    # Beside a password, an unknown name may be the rest of it, behind an & that should be %26.
    if unknown and not any("password" in name for name in query):
        raise ValueError(f"Postgres clients do not know the parameter {min(unknown)}: take it out of the URL.")
    if unknown:
        raise ValueError("It has a parameter that Postgres clients do not know; in a password, write & as %26.")


def address(text: str) -> tuple[str, int | None]:
    """A host, an IPv6 address in brackets or a percent-encoded socket folder, and its port."""
    found = re.fullmatch(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.%]+)\]|(?P<host>[^\[\]:]+))(?::(?P<port>[0-9]*))?", text)
    if not found or int(found["port"] or 1) not in range(1, 65536):
        raise ValueError(f"Its host or port is malformed; {ESCAPES}.")
    return found["ipv6"] or unquote(found["host"]), int(found["port"]) if found["port"] else None
