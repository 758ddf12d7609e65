{% set providers = cookiecutter._providers.values() %}
"""What is known of providers: their endpoints, what their poolers say, and the connections that their sizes take."""

import re
from typing import Literal, NamedTuple

from sqlalchemy import URL

#: A direct endpoint is the database server. A pooled one is a pooler in transaction mode, which shares server
#: connections among clients. A session endpoint is a pooler that keeps one server connection for each client.
Endpoint = Literal["direct", "session", "pooled"]

#: The provider that this service is made for.
PROVIDER = "{{ cookiecutter._providers[cookiecutter.provider].name }}"

DEFAULT_PORT = 5432


class KnownEndpoint(NamedTuple):
    """An endpoint of a provider, told by its host and port."""

    provider: str
    kind: Endpoint
    #: A regular expression for the host in small letters, or None where nothing distinguishes it.
    host: str | None
    port: int | None
    #: How TLS begins: as the protocol's own request, or at once (direct), which saves a round trip; None without TLS.
    tls: Literal["require", "direct"] | None
    #: How the provider calls it.
    connection_string: str
    #: What keeps clients from reaching it.
    note: str | None

    def serves(self, wanted: Endpoint) -> bool:
        return serves(self.kind, wanted)


class Size(NamedTuple):
    """What a provider sells, and the connections that it takes; None where the provider does not say."""

    name: str
    max_connections: int
    #: Clients of the pooler.
    pooler_clients: int | None
    #: Server connections that a pooler shares among the clients of one role.
    pool_size: int | None


#: The first that fits is the one.
ENDPOINTS = (
{% for provider in providers %}
{% for endpoint in provider.endpoints.values() %}
    KnownEndpoint(
        provider="{{ provider.name }}",
        kind="{{ endpoint.kind }}",
        host={{ 'r"' ~ endpoint.host ~ '"' if endpoint.host else "None" }},
        port={{ endpoint.port }},
        tls={{ '"' ~ endpoint.tls ~ '"' if endpoint.tls else "None" }},
        connection_string="{{ endpoint.connection_string }}",
        note={{ '"' ~ endpoint.note ~ '"' if endpoint.note else "None" }},
    ),
{% endfor %}
{% endfor %}
)

#: By the provider, where it sells several.
SIZES = {
{% for provider in providers if provider.sizes | length > 1 %}
    "{{ provider.name }}": (
{% for size in provider.sizes %}
        Size("{{ size.name }}", {{ size.max_connections }}, {{ size.pooler_clients }}, {{ size.pool_size }}),
{% endfor %}
    ),
{% endfor %}
}

#: What providers say, in small letters, when they refuse a login until somebody acts; and what that is.
REFUSALS = {
{% for provider in providers %}
{% for words, remedy in provider.refusals.items() %}
    "{{ words }}": "{{ remedy }}",
{% endfor %}
{% endfor %}
}

#: Parameters that providers and their integrations append to a URL for clients of other languages.
IGNORED_PARAMETERS = {
{% for name in providers | map(attribute="ignored_parameters") | sum(start=[]) | unique %}
    "{{ name }}",
{% endfor %}
}


def serves(kind: Endpoint, wanted: Endpoint) -> bool:
    """Whether an endpoint of the one kind does what the other does: all of Postgres works on a session endpoint too."""
    return kind == wanted or (kind, wanted) == ("session", "direct")


def recognize(url: URL) -> KnownEndpoint | None:
    """The provider's endpoint that this URL leads to; None for any other host."""
    host = (url.host or str(url.query.get("host", ""))).lower().rstrip(".")
    port = url.port or DEFAULT_PORT
    for known in ENDPOINTS:
        if known.host and re.fullmatch(known.host, host) and known.port in {None, port}:
            return known
    return None


def advice(said: str) -> str | None:
    """What somebody must do before a provider that said this lets clients in again; None for any other words."""
    return next((remedy for words, remedy in REFUSALS.items() if words in said.lower()), None)


def remedy(provider: str, wanted: Endpoint) -> str:
    """What to do where another endpoint of this provider is wanted."""
    for known in ENDPOINTS:
        if known.provider == provider and known.serves(wanted):
            return f"use {known.connection_string}"
    return f"{provider} has no {wanted} endpoint; another pooling strategy needs none"


def sizes_with(provider: str, max_connections: int) -> list[Size]:
    """The sizes of this provider that have so many connections: none where somebody has changed the number."""
    return [size for size in SIZES.get(provider, ()) if size.max_connections == max_connections]
