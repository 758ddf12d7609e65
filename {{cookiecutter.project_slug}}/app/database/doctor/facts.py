"""What a connection shows. Each query reads catalogs or settings, in a transaction that is read-only."""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Literal

from sqlalchemy import Connection, Engine, column, event, select, table, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from ..budget import instances_that_fit
from ..driver import backend_pid, ping
from ..engine import SCHEMA
from ..providers import Endpoint, KnownEndpoint, recognize, serves, sizes_with
from ..settings import ENDPOINT, get_database_settings
from . import wire
from .migrations import MigrationsUnknownError, pending_revisions

#: How many queries measure the round trip; it is their median.
SAMPLES = 20

#: Rights to change the rows of a table.
WRITES = {"INSERT", "UPDATE", "DELETE"}

#: Alembic's table. Each query names the schema: behind a pooler, another client may have set the search_path.
VERSION = table("alembic_version", column("version_num"), schema=SCHEMA)

#: The key of the time to connect in Connection.info, which SQLAlchemy keeps for each connection.
CONNECT_SECONDS = "app.database.connect_seconds"


@dataclass(frozen=True)
class EndpointFacts:
    connect_ms: float
    """Milliseconds that the driver needed for TCP, TLS and login, in the attempt that succeeded."""

    round_trip_ms: float
    """Milliseconds of a query that does nothing, the median of 20."""

    provider: str | None
    """Whose endpoint it is, by its host; null where the host says nothing."""

    kind: Endpoint
    """direct, pooled or session."""

    kind_wanted: Endpoint
    """The kind that engine.py is made for."""

    is_local: bool
    """Whether it is on this machine: a unix socket or a loopback address."""

    tls: bool
    tls_version: str | None
    """For example TLSv1.3; null if the driver does not tell it."""

    certificate_verified: bool
    """Whether the driver verified it by an authority, as for the next."""

    host_name_verified: bool

    channel_bound: bool
    """Whether the login is bound to the server's certificate (channel_binding=require)."""

    tls_behind_pooler: bool | None
    """Whether the pooler uses TLS to the server; null without a pooler."""

    prepared_statements_kept: bool | None
    """Whether a named prepared statement outlives its transaction; null if the driver cannot try it."""


@dataclass(frozen=True)
class ServerFacts:
    version: str

    read_only: Literal["standby", "default"] | None
    """Why transactions cannot write: the server is a standby, or default_transaction_read_only is on; else null."""

    statement_timeout_ms: int | None
    """Null where there is none, as for the next two."""

    idle_in_transaction_timeout_ms: int | None

    client_check_ms: int | None
    """How often the server looks in the middle of a statement whether its client has gone."""


@dataclass(frozen=True)
class RoleFacts:
    name: str

    schema: str | None
    """The one that has the tables; null if it may not use that schema."""

    may_make_tables: bool

    connection_limit: int | None
    """The most connections that the role may have (CONNECTION LIMIT); null if there is no such limit."""


@dataclass(frozen=True)
class TableFacts:
    pending_migrations: list[str] | None
    """Revisions in the order of an upgrade; null if they are unknown."""

    unknown_because: str | None
    """Why they are unknown."""

    rights: dict[str, list[str]]
    """What the role may do with the rows of each table that the migrations made: SELECT, INSERT, UPDATE, DELETE."""


@dataclass(frozen=True)
class ConnectionFacts:
    limit: int
    """max_connections of the server."""

    size: str | None
    """The provider's size that has this limit, or several; null where none has."""

    reserved: int
    """Those of the limit that are kept back for superusers and for roles that may use reserved connections."""

    used: int
    """Those in use now, of all clients."""

    available: int | None
    """Those that this service may have at the endpoint: of the server neither reserved nor beyond the role's own limit;
    of a pooler as many as it takes clients, null where that is not known."""

    for_each_instance: int
    """The most that an instance of this service has."""

    instances: int | None
    """The largest maximum of instances that fits; null where a pooler's limit is not known."""


@dataclass(frozen=True)
class Facts:
    endpoint: EndpointFacts
    server: ServerFacts
    role: RoleFacts
    connections: ConnectionFacts
    tables: TableFacts


@dataclass(frozen=True)
class DirectFacts:
    kind: Endpoint
    """direct, pooled or session."""

    role: RoleFacts


def observe(engine: Engine) -> None:
    """Measure each connect of this engine, and let its connections name no prepared statement."""
    connect = engine.dialect.connect
    seconds = 0.0

    def measured(*arguments: Any, **keywords: Any) -> DBAPIConnection:
        nonlocal seconds
        started = time.perf_counter()
        connection = connect(*arguments, **keywords | wire.UNNAMED)
        seconds = time.perf_counter() - started
        return connection

    engine.dialect.connect = measured  # type: ignore[method-assign]

    @event.listens_for(engine, "connect")
    def keep(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        entry.info[CONNECT_SECONDS] = seconds


def facts_of(connection: Connection) -> Facts:
    """The facts that this new connection of an observed engine shows.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the connection was lost, or the server refused a query.
    """
    begin(connection)
    role, endpoint = role_facts(connection), endpoint_facts(connection)
    return Facts(
        endpoint=endpoint,
        server=server_facts(connection),
        role=role,
        connections=connection_facts(connection, role, endpoint.kind),
        # The last, because it ends the transaction.
        tables=table_facts(connection, role),
    )


def direct_facts_of(connection: Connection) -> DirectFacts:
    """The facts of DATABASE_DIRECT_URL; otherwise as facts_of()."""
    begin(connection)
    return DirectFacts(kind_of(connection, recognize(connection.engine.url)), role_facts(connection))


def begin(connection: Connection) -> None:
    """Let the server refuse every write of the transaction that begins here."""
    connection.execute(text("SET TRANSACTION READ ONLY"))


def kind_of(connection: Connection, known: KnownEndpoint | None) -> Endpoint:
    # A connection cannot show that its pooler keeps one server connection for it; its host may say so.
    if known and known.kind == "session":
        return "session"
    # A pooler names one process when the connection is made, and runs queries in another.
    pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    return "direct" if pid == backend_pid(connection.connection.driver_connection) else "pooled"


def endpoint_facts(connection: Connection) -> EndpointFacts:
    known = recognize(connection.engine.url)
    kind = kind_of(connection, known)
    tls, tls_version = connection.execute(
        text("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    ).one()
    encryption = wire.encryption(connection.connection.driver_connection)
    address = wire.peer_address(connection.connection.driver_connection)
    return EndpointFacts(
        connect_ms=round(1000 * connection.info[CONNECT_SECONDS], 1),
        round_trip_ms=round(1000 * round_trip(connection), 2),
        provider=known.provider if known else None,
        kind=kind,
        kind_wanted=ENDPOINT,
        is_local=address is None or ip_address(address).is_loopback,
        tls=encryption.tls,
        tls_version=encryption.version or (tls_version if kind == "direct" else None),
        certificate_verified=encryption.certificate_verified,
        host_name_verified=encryption.host_name_verified,
        channel_bound=encryption.channel_bound,
        tls_behind_pooler=None if kind == "direct" else tls,
        prepared_statements_kept=serves(kind, "direct") or prepared_statements_kept(connection),
    )


def round_trip(connection: Connection) -> float:
    """Seconds that a query takes which does nothing."""
    dbapi_connection = connection.connection.dbapi_connection
    assert dbapi_connection
    seconds = []
    with driver_errors():
        for _ in range(SAMPLES):
            started = time.perf_counter()
            ping(connection.dialect, dbapi_connection)
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def prepared_statements_kept(connection: Connection) -> bool | None:
    """Whether the pooler keeps track of prepared statements, seen by the names that the server has for them."""
    with driver_errors():
        passed_on = wire.passes_names_on(connection.connection.driver_connection)
    return None if passed_on is None else not passed_on


@contextmanager
def driver_errors() -> Iterator[None]:
    """Raise an error of the driver as SQLAlchemy does where it calls the driver itself."""
    try:
        yield
    except Exception as error:
        raise SQLAlchemyError(str(error) or type(error).__name__) from error


def server_facts(connection: Connection) -> ServerFacts:
    version, is_standby, reads_only = connection.execute(
        text("SELECT version(), pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool")
    ).one()
    timeouts = connection.execute(
        text(
            "SELECT name, setting::int FROM pg_settings"
            " WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout',"
            " 'client_connection_check_interval')"
        )
    )
    milliseconds = {name: value or None for name, value in timeouts}
    return ServerFacts(
        version=version.split(" on ")[0],
        read_only="standby" if is_standby else "default" if reads_only else None,
        statement_timeout_ms=milliseconds["statement_timeout"],
        idle_in_transaction_timeout_ms=milliseconds["idle_in_transaction_session_timeout"],
        client_check_ms=milliseconds["client_connection_check_interval"],
    )


def role_facts(connection: Connection) -> RoleFacts:
    name, schema, may_make_tables, limit = connection.execute(
        text(
            "SELECT current_user::text,"
            " (SELECT nspname::text FROM pg_namespace WHERE nspname = :schema AND has_schema_privilege(oid, 'USAGE')),"
            " EXISTS (SELECT FROM pg_namespace WHERE nspname = :schema AND has_schema_privilege(oid, 'CREATE')),"
            " (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = session_user)"
        ),
        {"schema": SCHEMA},
    ).one()
    return RoleFacts(name, schema, may_make_tables, limit)


def connection_facts(connection: Connection, role: RoleFacts, kind: Endpoint) -> ConnectionFacts:
    # A role that may not look into the sessions of others sees that they are there, but not of which type they are.
    limit, reserved, used = connection.execute(
        text(
            "SELECT current_setting('max_connections')::int,"
            " (SELECT sum(setting::int) FROM pg_settings"
            " WHERE name IN ('superuser_reserved_connections', 'reserved_connections'))::int,"
            " (SELECT count(*) FROM pg_stat_activity"
            " WHERE datid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend')::int"
        )
    ).one()
    known = recognize(connection.engine.url)
    sizes = sizes_with(known.provider, limit) if known else []
    of_server = limit - reserved if role.connection_limit is None else min(limit - reserved, role.connection_limit)
    available = {
        "direct": of_server,
        "session": sizes[0].pool_size if sizes else None,
        "pooled": sizes[0].pooler_clients if sizes else None,
    }[kind]
    each = get_database_settings().concurrency
    instances = None if available is None else instances_that_fit(available, each)
    size = " or ".join(size.name for size in sizes) or None
    return ConnectionFacts(limit, size, reserved, used, available, each, instances)


def table_facts(connection: Connection, role: RoleFacts) -> TableFacts:
    rights = rights_to_tables(connection)
    try:
        applied = applied_revisions(connection, role)
        # Reading the migrations takes a while, in which no transaction needs to be open.
        connection.rollback()
        return TableFacts(pending_revisions(applied), None, rights)
    except MigrationsUnknownError as error:
        return TableFacts(None, str(error), rights)


def rights_to_tables(connection: Connection) -> dict[str, list[str]]:
    """What the role may do with the rows of the tables that have the owner of Alembic's."""
    rows = connection.execute(
        text(
            "SELECT made.relname::text, ARRAY("
            "SELECT name FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS name"
            " WHERE has_table_privilege(made.oid, name))"
            " FROM pg_class made JOIN pg_class version USING (relnamespace, relowner)"
            " JOIN pg_namespace ON pg_namespace.oid = relnamespace"
            " WHERE nspname = :schema AND version.relname = :version AND made.oid <> version.oid"
            " AND made.relkind IN ('r', 'p') AND NOT made.relispartition ORDER BY 1"
        ),
        {"schema": SCHEMA, "version": VERSION.name},
    )
    return {name: list(rights) for name, rights in rows}


def applied_revisions(connection: Connection, role: RoleFacts) -> set[str]:
    """The revisions that Alembic has written down; none in a database without its table.

    Raises:
        MigrationsUnknownError: the role may not read them.
    """
    readable = connection.execute(
        text(
            "SELECT has_table_privilege(pg_class.oid, 'SELECT') FROM pg_class"
            " JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = :schema AND relname = :version"
        ),
        {"schema": SCHEMA, "version": VERSION.name},
    ).scalar()
    if role.schema is None or readable is False:
        raise MigrationsUnknownError("The role may not read the table alembic_version.")
    if readable is None:
        return set()
    return set(connection.execute(select(VERSION)).scalars())
