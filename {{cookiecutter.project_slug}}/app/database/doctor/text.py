"""The result of the check as text for people."""

from collections.abc import Iterator

from .facts import (
    SAMPLES,
    WRITES,
    ConnectionFacts,
    EndpointFacts,
    Facts,
    RoleFacts,
    ServerFacts,
    TableFacts,
)
from .report import Report


def as_text(report: Report) -> str:
    """A line for each fact, note and contradiction."""
    lines = list(fact_lines(report.facts)) if report.facts else []
    if report.direct_facts:
        lines.append(("Migrating", f"{KINDS[report.direct_facts.kind]}; {role_line(report.direct_facts.role)}"))
    lines += [("Note", note) for note in report.notes]
    lines += [("Attention", contradiction) for contradiction in report.contradictions]
    return "\n".join(f"{label:<14}{said}" for label, said in lines)


def fact_lines(facts: Facts) -> Iterator[tuple[str, str]]:
    yield "Connected in", f"{facts.endpoint.connect_ms:.0f} ms"
    yield "Server", facts.server.version
    yield from endpoint_lines(facts.endpoint)
    yield "Role", role_line(facts.role)
    yield from table_lines(facts.tables)
    yield from server_lines(facts.server)
    yield from connection_lines(facts.connections, facts.role)


KINDS = {
    "direct": "direct: the server itself",
    "session": "session: a pooler that keeps one server connection for each client",
    "pooled": "pooled: a pooler stands between",
}

KEPT = {
    True: "statements outlive their transaction: the pooler keeps track of their names",
    False: "statements do not outlive their transaction: the pooler passes their names on",
    None: "statements may outlive their transaction or not: the driver cannot try it",
}


def endpoint_lines(endpoint: EndpointFacts) -> Iterator[tuple[str, str]]:
    yield "Endpoint", f"{f'{endpoint.provider}, ' if endpoint.provider else ''}{KINDS[endpoint.kind]}"
    yield "TLS", tls(endpoint)
    if endpoint.kind != "direct":
        yield "Behind it", f"TLS {'yes' if endpoint.tls_behind_pooler else 'no'}, between pooler and server"
        yield "Prepared", KEPT[endpoint.prepared_statements_kept]
    yield "Round trip", f"{endpoint.round_trip_ms:.2f} ms, the median of {SAMPLES} queries"


def tls(endpoint: EndpointFacts) -> str:
    if not endpoint.tls:
        return "no, on this machine" if endpoint.is_local else "no"
    if endpoint.certificate_verified:
        certificate = f"verified{', with its host name' if endpoint.host_name_verified else ''}"
    else:
        certificate = f"not verified{', but the login is bound to it' if endpoint.channel_bound else ''}"
    return f"yes{f', {endpoint.tls_version}' if endpoint.tls_version else ''}; the certificate is {certificate}"


def role_line(role: RoleFacts) -> str:
    return f"{role.name}, may {'' if role.may_make_tables else 'not '}make tables"


def table_lines(tables: TableFacts) -> Iterator[tuple[str, str]]:
    if tables.rights:
        written = [name for name, rights in tables.rights.items() if WRITES & set(rights)]
        yield "Tables", f"{len(tables.rights)}; the role may write to {len(written)} of them"
    if tables.pending_migrations is None:
        yield "Migrations", "unknown"
    else:
        yield "Migrations", f"{', '.join(tables.pending_migrations) or 'none'} pending"


def server_lines(server: ServerFacts) -> Iterator[tuple[str, str]]:
    yield "Read-only", READ_ONLY[server.read_only]
    if server.statement_timeout_ms:
        yield "Time-out", f"{server.statement_timeout_ms} ms for a statement"
    if server.idle_in_transaction_timeout_ms:
        yield "Time-out", f"{server.idle_in_transaction_timeout_ms} ms for a transaction that is idle"


READ_ONLY = {
    "standby": "yes, the server is a standby",
    "default": "yes, default_transaction_read_only is on",
    None: "no",
}


def connection_lines(connections: ConnectionFacts, role: RoleFacts) -> Iterator[tuple[str, str]]:
    reserved = f"{connections.reserved} of these are kept back for superusers"
    size = f", as {connections.size} has" if connections.size else ""
    yield "Connections", f"{connections.used} in use of {connections.limit}{size}; {reserved}"
    if role.connection_limit is not None:
        yield "Role's limit", f"{role.connection_limit} connections"
    yield "This service", f"at most {connections.for_each_instance} for each instance"
    if connections.instances is None:
        yield "Room for", "as many instances as the pooler takes clients; the provider's documentation has its limit"
    else:
        yield "Room for", f"{connections.instances} instances beside a release, in {connections.available} connections"
