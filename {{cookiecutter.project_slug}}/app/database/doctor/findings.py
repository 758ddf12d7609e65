"""What follows from the facts: contradictions, each with its remedy, and notes, which may be as they should."""

from collections.abc import Iterator

from ..budget import connections_needed
from ..engine import SCHEMA
from ..providers import PROVIDER, remedy, serves
from .facts import (
    WRITES,
    ConnectionFacts,
    DirectFacts,
    EndpointFacts,
    Facts,
    RoleFacts,
    ServerFacts,
    TableFacts,
)


def contradictions(facts: Facts, direct: DirectFacts | None) -> list[str]:
    """What the service or its migrations cannot work with."""
    return [
        *in_endpoint(facts.endpoint),
        *in_server(facts.server),
        *in_role(facts.role),
        *in_tables(facts.tables, facts.role),
        *in_connections(facts.connections, facts.role),
        *(in_direct(direct) if direct else []),
    ]


def in_endpoint(endpoint: EndpointFacts) -> Iterator[str]:
    wanted = endpoint.kind_wanted
    if not serves(endpoint.kind, wanted):
        yield (
            f"DATABASE_URL leads to a {endpoint.kind} endpoint, engine.py is for a {wanted} one: "
            f"{remedy(endpoint.provider or PROVIDER, wanted)}."
        )
    if not endpoint.tls and not endpoint.is_local:
        yield "Passwords and data cross the network without TLS: add sslmode=verify-full to DATABASE_URL."


def in_server(server: ServerFacts) -> Iterator[str]:
    if server.read_only == "standby":
        yield "The server is a standby and takes no writes: let DATABASE_URL lead to the primary."
    if server.read_only == "default":
        yield (
            "default_transaction_read_only is on, so writes fail: see whether the provider set it, as some do when the "
            "disk is full, and turn it off for this role or database."
        )


def in_role(role: RoleFacts) -> Iterator[str]:
    if role.schema is None:
        yield (
            f"The role {role.name} may not use the schema {SCHEMA}: "
            f"GRANT USAGE ON SCHEMA {quoted(SCHEMA)} TO {quoted(role.name)}."
        )


def in_tables(tables: TableFacts, role: RoleFacts) -> Iterator[str]:
    if tables.pending_migrations:
        yield f"Migrations are pending ({', '.join(tables.pending_migrations)}): run alembic upgrade head."
    without = [name for name, rights in tables.rights.items() if not rights]
    if without:
        yield (
            f"The role {role.name} has no right to the rows of {', '.join(without)}: "
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {quoted(*without)} TO {quoted(role.name)}."
        )
    elif tables.rights and not any(WRITES & set(rights) for rights in tables.rights.values()):
        yield (
            f"The role {role.name} may only read: GRANT INSERT, UPDATE, DELETE ON {quoted(*tables.rights)} "
            f"TO {quoted(role.name)}, or use another role."
        )


def in_connections(connections: ConnectionFacts, role: RoleFacts) -> Iterator[str]:
    if connections.instances == 0:
        needed = connections_needed(1, connections.for_each_instance)
        yield (
            f"One instance, another one during a release, and the migrations may take {needed} connections, and "
            f"{connections.available} are there for {role.name}: make the pool smaller, or raise the limit."
        )


def in_direct(direct: DirectFacts) -> Iterator[str]:
    if direct.kind == "pooled":
        yield f"DATABASE_DIRECT_URL leads to a pooler in transaction mode: {remedy(PROVIDER, 'direct')}."
    if not direct.role.may_make_tables:
        yield (
            f"The role {direct.role.name} of DATABASE_DIRECT_URL may not make tables, and migrations do: "
            f"GRANT CREATE ON SCHEMA {quoted(SCHEMA)} TO {quoted(direct.role.name)}."
        )


def notes(facts: Facts, direct: DirectFacts | None) -> list[str]:
    """What the reader should know, and may have wanted."""
    return [
        *on_endpoint(facts.endpoint),
        *on_server(facts.server, facts.endpoint),
        *on_tables(facts.tables, facts.role),
        *on_role(facts.role, facts.endpoint, direct),
    ]


def on_endpoint(endpoint: EndpointFacts) -> Iterator[str]:
    if endpoint.tls and not endpoint.is_local and not endpoint.certificate_verified and not endpoint.channel_bound:
        yield (
            "The certificate is not verified, so another machine could pose as the server: sslmode=verify-full in "
            "DATABASE_URL verifies it, with sslrootcert where its authority is not a public one."
        )


def on_server(server: ServerFacts, endpoint: EndpointFacts) -> Iterator[str]:
    bounds = (server.statement_timeout_ms, server.idle_in_transaction_timeout_ms, server.client_check_ms)
    if None in bounds and not endpoint.is_local:
        yield (
            "The server does not end what this service has left behind: statement_timeout, "
            "idle_in_transaction_session_timeout or client_connection_check_interval is not set for its role; "
            "deploy/roles.sql sets them."
        )


def on_tables(tables: TableFacts, role: RoleFacts) -> Iterator[str]:
    if tables.unknown_because:
        yield f"Pending migrations are unknown. {tables.unknown_because}"
    for name, rights in tables.rights.items():
        if rights and not WRITES | {"SELECT"} <= set(rights):
            yield f"The role {role.name} may only {', '.join(rights)} in {name}."


def on_role(role: RoleFacts, endpoint: EndpointFacts, direct: DirectFacts | None) -> Iterator[str]:
    if role.schema and not role.may_make_tables and direct is None:
        yield f"The role {role.name} may not make tables: migrations need another role, in DATABASE_DIRECT_URL."
    migrates = role.name == direct.role.name if direct else not endpoint.is_local
    if role.may_make_tables and migrates:
        yield (
            f"The service has the role of the migrations, {role.name}, which may change and drop tables: "
            "bash deploy/bootstrap.sh roles makes one of its own."
        )


def quoted(*names: str) -> str:
    """The names as SQL takes them."""
    return ", ".join('"' + name.replace('"', '""') + '"' for name in names)
