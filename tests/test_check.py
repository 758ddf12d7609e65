"""python -m app.database.check on real servers: what it finds with each driver, and that it leaves nothing behind."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from combinations import DRIVERS, LIVE, Combination, each
from conftest import Bake
from environments import environment
from servers import ROLE, PgBouncer, PostgresServer, ServerBinaries, wait_until
from storm import migrate, service_environment

#: The kinds of endpoint that engines are made for.
ENDPOINTS = ("direct", "pooled")

#: One for each driver and kind of endpoint.
EACH_DRIVER = [
    next(c for c in LIVE if (c.driver, c.endpoint) == (driver, endpoint))
    for driver in DRIVERS
    for endpoint in ENDPOINTS
]

each_driver = each(EACH_DRIVER)
each_driver_pooled = each(c for c in EACH_DRIVER if c.endpoint == "pooled")
each_driver_direct = each(c for c in EACH_DRIVER if c.endpoint == "direct")
one_direct = each([c for c in EACH_DRIVER if c.endpoint == "direct"][:1])

#: A pooler may still hold connections to a database that is gone, so each has another name.
numbers = count()

#: Drivers that can name a prepared statement.
PREPARING = {"psycopg", "psycopg_async", "asyncpg"}

#: Drivers that tell the version of TLS; where the server is at the other end, it tells it as well.
TELLING_TLS = {"psycopg2", "asyncpg"}


class Check:
    """The check of a combination's service."""

    def __init__(self, bake: Bake, combination: Combination) -> None:
        self.project = bake(combination)
        self.python = environment(self.project)

    def migrate(self, url: str) -> None:
        migrate(self.python, self.project.path, service_environment(url, url))

    def __call__(
        self, url: str, direct_url: str = "", *, folder: Path | None = None, module: str = "app.database.check"
    ) -> Any:
        """The report, after a look at the exit code and at the text for people."""
        command = [str(self.python), "-W", "error", "-m", module]
        settings = service_environment(url, direct_url, DATABASE_WAKE_TIMEOUT="0")
        options: dict[str, Any] = {"cwd": folder or self.project.path, "env": settings, "text": True}
        done = subprocess.run([*command, "--json"], capture_output=True, **options)
        assert not done.stderr
        report = json.loads(done.stdout)
        assert report["ok"] == (not report["error"] and not report["contradictions"])
        assert done.returncode == (0 if report["ok"] else 1)
        return report

    def text(self, url: str) -> str:
        command = [str(self.python), "-m", "app.database.check"]
        settings = service_environment(url, "", DATABASE_WAKE_TIMEOUT="0")
        done = subprocess.run(command, cwd=self.project.path, env=settings, capture_output=True, encoding="utf-8")
        return done.stdout + done.stderr


@pytest.fixture
def check(bake: Bake, combination: Combination) -> Check:
    return Check(bake, combination)


@pytest.fixture
def url(combination: Combination, postgres: PostgresServer, pgbouncer: PgBouncer, database: str) -> str:
    """The endpoint that the combination wants."""
    return endpoint_url(combination.endpoint, postgres, pgbouncer, database)


def endpoint_url(endpoint: str, postgres: PostgresServer, pgbouncer: PgBouncer, database: str) -> str:
    return postgres.direct_url(database) if endpoint == "direct" else pgbouncer.pooled_url(database)


def said(sentences: list[str], *parts: str) -> bool:
    """Whether there is one sentence for each of these parts, in this order."""
    return len(sentences) == len(parts) and all(part in text for part, text in zip(parts, sentences, strict=True))


@each_driver
def test_migrated_database_at_the_right_endpoint_contradicts_nothing(
    check: Check, combination: Combination, url: str, postgres: PostgresServer, database: str
) -> None:
    check.migrate(postgres.direct_url(database))
    report = check(url, postgres.direct_url(database))
    assert report["ok"], report["contradictions"]
    pooled = combination.endpoint == "pooled"
    # The same URL would be the same role.
    assert said(report["notes"], *(["The service has the role of the migrations, service"] if pooled else []))
    endpoint = report["facts"]["endpoint"]
    assert endpoint["kind"] == endpoint["kind_wanted"] == combination.endpoint
    assert endpoint["connect_ms"] > 0
    assert endpoint["round_trip_ms"] > 0
    assert endpoint["tls_behind_pooler"] == (True if pooled else None)
    assert endpoint["prepared_statements_kept"] == kept(combination, pooled=pooled, tracked=False)
    role = {"name": ROLE, "schema": "public", "may_make_tables": True, "connection_limit": None}
    assert report["facts"]["role"] == role
    # The same URL would be the same connection.
    assert report["direct_facts"] == ({"kind": "direct", "role": role} if pooled else None)
    rights = {"note": ["SELECT", "INSERT", "UPDATE", "DELETE"]}
    assert report["facts"]["tables"] == {"pending_migrations": [], "unknown_because": None, "rights": rights}
    assert report["facts"]["connections"]["limit"] == 200
    assert (report["facts"]["connections"]["instances"] is None) == pooled


def kept(combination: Combination, *, pooled: bool, tracked: bool) -> bool | None:
    """Whether a prepared statement outlives its transaction, where the driver can say so."""
    if not pooled:
        return True
    return tracked if combination.driver in PREPARING else None


@each_driver
def test_verification_is_what_the_driver_does(
    check: Check, combination: Combination, url: str, postgres: PostgresServer
) -> None:
    told = combination.driver in TELLING_TLS or combination.endpoint == "direct"
    for mode, verified in {"require": (False, False), "verify-ca": (True, False), "verify-full": (True, True)}.items():
        authority = f"&sslrootcert={postgres.certificate}" if any(verified) else ""
        endpoint = check(url.replace("sslmode=require", f"sslmode={mode}{authority}"))["facts"]["endpoint"]
        assert (endpoint["tls"], endpoint["tls_version"]) == (True, "TLSv1.3" if told else None)
        assert (endpoint["certificate_verified"], endpoint["host_name_verified"]) == verified, mode


@each_driver
def test_other_endpoint_and_pending_migrations_are_contradictions(
    check: Check, combination: Combination, postgres: PostgresServer, pgbouncer: PgBouncer, database: str
) -> None:
    other = "direct" if combination.endpoint == "pooled" else "pooled"
    report = check(endpoint_url(other, postgres, pgbouncer, database))
    assert report["facts"]["tables"]["pending_migrations"] == ["0001"]
    assert said(
        report["contradictions"],
        f"DATABASE_URL leads to a {other} endpoint, engine.py is for a {combination.endpoint} one: use Neon's",
        "Migrations are pending (0001): run alembic upgrade head.",
    )


@pytest.fixture
def other_owners_database(postgres: PostgresServer) -> Iterator[str]:
    """One whose tables belong to another role; the service has some of the rights to one of them."""
    name = f"other-owner-{next(numbers)}"
    postgres.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    tables = """
        CREATE TABLE alembic_version (version_num text);
        CREATE TABLE log (id int);
        CREATE TABLE note (id int);
        CREATE TABLE "user" (id int);
        GRANT SELECT, INSERT ON log TO service
    """
    postgres.execute(tables, database=name)
    yield name
    postgres.drop_database(name)


@each_driver
def test_role_is_told_which_rights_it_lacks(
    check: Check, combination: Combination, postgres: PostgresServer, pgbouncer: PgBouncer, other_owners_database: str
) -> None:
    direct = postgres.direct_url(other_owners_database)
    url = endpoint_url(combination.endpoint, postgres, pgbouncer, other_owners_database)
    # The driver reads another URL, and the server does not see the difference.
    report = check(url, f"{direct}&connect_timeout=9")
    assert not report["facts"]["role"]["may_make_tables"]
    assert report["facts"]["tables"]["rights"] == {"log": ["SELECT", "INSERT"], "note": [], "user": []}
    assert said(
        report["contradictions"],
        'GRANT SELECT, INSERT, UPDATE, DELETE ON "note", "user" TO "service".',
        'may not make tables, and migrations do: GRANT CREATE ON SCHEMA "public" TO "service".',
    )
    assert said(
        report["notes"],
        "Pending migrations are unknown. The role may not read the table alembic_version.",
        "The role service may only SELECT, INSERT in log.",
    )


@one_direct
def test_role_that_only_reads_is_a_contradiction_and_no_tables_a_note(
    check: Check, postgres: PostgresServer, other_owners_database: str
) -> None:
    revoke = 'DROP TABLE note, "user"; REVOKE INSERT ON log FROM service; GRANT SELECT ON alembic_version TO service'
    postgres.execute(revoke, database=other_owners_database)
    report = check(postgres.direct_url(other_owners_database))
    assert said(
        report["contradictions"],
        "Migrations are pending (0001)",
        'The role service may only read: GRANT INSERT, UPDATE, DELETE ON "log" TO "service"',
    )
    assert said(
        report["notes"], "The role service may only SELECT in log.", "may not make tables: migrations need another role"
    )


@one_direct
def test_limits_of_the_role_are_facts(check: Check, url: str, postgres: PostgresServer) -> None:
    check.migrate(url)
    postgres.execute("ALTER ROLE service CONNECTION LIMIT 29")
    postgres.execute("ALTER ROLE service SET statement_timeout = '45s'")
    postgres.execute("ALTER ROLE service SET idle_in_transaction_session_timeout = '1min'")
    try:
        report, text = check(url), check.text(url)
    finally:
        postgres.execute("ALTER ROLE service CONNECTION LIMIT -1")
        postgres.execute("ALTER ROLE service RESET ALL")
    assert report["facts"]["role"]["connection_limit"] == report["facts"]["connections"]["available"] == 29
    assert report["facts"]["server"]["statement_timeout_ms"] == 45_000
    assert report["facts"]["server"]["idle_in_transaction_timeout_ms"] == 60_000
    assert said(report["contradictions"], "and the migrations may take 31 connections, and 29 are there for service")
    for line in ("Time-out      45000 ms for a statement", "Role's limit  29 connections", "Room for      0 instances"):
        assert line in text


@one_direct
def test_role_that_may_not_use_the_schema_is_told_so(
    check: Check, postgres: PostgresServer, other_owners_database: str
) -> None:
    postgres.execute("REVOKE USAGE ON SCHEMA public FROM PUBLIC", database=other_owners_database)
    report = check(postgres.direct_url(other_owners_database))
    assert 'GRANT USAGE ON SCHEMA "public" TO "service".' in report["contradictions"][0]


@one_direct
def test_search_path_of_a_neighbour_does_not_mislead_the_check(
    check: Check, url: str, postgres: PostgresServer, database: str
) -> None:
    """A pooler may hand out a server connection on which another client has set one."""
    check.migrate(url)
    trap = (
        "CREATE SCHEMA trap; CREATE TABLE trap.alembic_version (version_num text); GRANT ALL ON SCHEMA trap TO service"
    )
    postgres.execute(trap, database=database)
    postgres.execute("ALTER ROLE service SET search_path = trap")
    try:
        report = check(url)
    finally:
        postgres.execute("ALTER ROLE service RESET ALL")
    assert report["ok"], report["contradictions"]
    assert list(report["facts"]["tables"]["rights"]) == ["note"]


@one_direct
def test_pooler_is_no_endpoint_for_migrations(check: Check, url: str, pgbouncer: PgBouncer, database: str) -> None:
    check.migrate(url)
    report = check(url, pgbouncer.pooled_url(database))
    assert report["direct_facts"]["kind"] == "pooled"
    assert said(report["contradictions"], "leads to a pooler in transaction mode: use Neon's direct")


@one_direct
def test_direct_url_that_does_not_answer_is_a_contradiction(check: Check, url: str, database: str) -> None:
    check.migrate(url)
    report = check(url, url.replace(f"/{database}", "/nowhere"))
    assert said(report["contradictions"], "DATABASE_DIRECT_URL does not answer, so migrations cannot run: ")
    assert 'database "nowhere" does not exist' in report["contradictions"][0]


@each_driver_direct
def test_tables_in_use_do_not_hold_it_up(check: Check, url: str, postgres: PostgresServer, database: str) -> None:
    check.migrate(url)
    with postgres.locked(database, "note"):
        assert check(url)["ok"]


@each([next(c for c in EACH_DRIVER if c.flavour == flavour) for flavour in ("sync", "async")])
def test_copied_folder_does_not_know_the_migrations(check: Check, url: str, database: str, tmp_path: Path) -> None:
    shutil.copytree(check.project.path / "app" / "database", tmp_path / "shop" / "storage")
    (tmp_path / "shop" / "__init__.py").touch()
    report = check(url, folder=tmp_path, module="shop.storage.check")
    assert report["ok"], report["contradictions"]
    assert report["facts"]["tables"]["pending_migrations"] is None
    assert said(report["notes"], "Pending migrations are unknown. No pyproject.toml above this package")


class TrackingPgBouncer(PgBouncer):
    """A pooler that keeps track of prepared statements."""

    def _without_prepared_statements(self) -> str:
        return "max_prepared_statements = 100"


@pytest.fixture(scope="module")
def tracking_pgbouncer(server_binaries: ServerBinaries, postgres: PostgresServer) -> Iterator[PgBouncer]:
    version = subprocess.run([server_binaries.pgbouncer, "--version"], capture_output=True, encoding="utf-8").stdout
    found = re.search(r"(\d+)\.(\d+)", version)
    if not found or (int(found[1]), int(found[2])) < (1, 21):
        pytest.skip("PgBouncer keeps track of prepared statements from version 1.21 on.")
    with TrackingPgBouncer(server_binaries, postgres) as pooler:
        yield pooler


@each_driver_pooled
def test_pooler_that_keeps_track_of_prepared_statements_is_recognized(
    check: Check, combination: Combination, tracking_pgbouncer: PgBouncer, database: str
) -> None:
    report = check(tracking_pgbouncer.pooled_url(database))
    assert report["facts"]["endpoint"]["prepared_statements_kept"] == kept(combination, pooled=True, tracked=True)


# What it leaves behind: a server of its own, on which nothing else writes.


#: The database on that server.
QUIET = "quiet"

#: What a pooler sets on a server connection for each of its clients.
CLIENT_PARAMETERS = "application_name|client_encoding"

#: Statements that have no name and change nothing.
HARMLESS = (
    "(?i)(statement|execute <unnamed>): "
    f"(BEGIN|COMMIT|SAVEPOINT|SELECT|SHOW|RELEASE|ROLLBACK|SET TRANSACTION READ ONLY$|SET ({CLIENT_PARAMETERS})=)"
)


@pytest.fixture(scope="module")
def quiet(server_binaries: ServerBinaries) -> Iterator[PostgresServer]:
    with PostgresServer(server_binaries) as server:
        server.execute("ALTER SYSTEM SET autovacuum = off")
        server.execute("ALTER SYSTEM SET log_statement = 'all'")
        server.execute("ALTER SYSTEM SET log_line_prefix = '%d|'")
        server.restart()
        server.create_database(QUIET)
        yield server


@pytest.fixture(scope="module")
def quiet_pgbouncer(server_binaries: ServerBinaries, quiet: PostgresServer) -> Iterator[PgBouncer]:
    with PgBouncer(server_binaries, quiet) as pooler:
        yield pooler


def statements(server: PostgresServer) -> list[str]:
    """How the server was asked in the database, and with which statements, so far."""
    log = (server.folder / "postgres.log").read_text(encoding="utf-8")
    return re.findall(rf"^{QUIET}\|LOG:  ((?:statement|execute [^:]+): .*)$", log, re.MULTILINE)


def state(server: PostgresServer) -> list[tuple[Any, ...]]:
    """What a write anywhere in the cluster would change, and what a new object in the database would."""
    next_transaction = server.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())")
    objects = server.execute("SELECT count(*), max(oid) FROM pg_class", database=QUIET)
    return [*next_transaction, *objects]


def left_by_clients(pgbouncer: PgBouncer) -> list[tuple[Any, ...]]:
    """What the next client of the pooler finds on its one server connection, and should not."""
    with psycopg.connect(pgbouncer.pooled_url(QUIET), autocommit=True, prepare_threshold=None) as connection:
        others = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        assert not connection.execute(others).fetchall()
        prepared = connection.execute("SELECT name, statement FROM pg_prepared_statements").fetchall()
        settings = "SELECT name, setting FROM pg_settings WHERE source = 'session' AND name !~ %s"
        changed = connection.execute(settings, [CLIENT_PARAMETERS]).fetchall()
        locks = connection.execute("SELECT objid FROM pg_locks WHERE locktype = 'advisory'").fetchall()
        # What one check left is not the fault of the next.
        connection.execute("DEALLOCATE ALL")
        return [*prepared, *changed, *locks]


@each_driver
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_nothing_is_written_or_left_behind(
    check: Check, endpoint: str, quiet: PostgresServer, quiet_pgbouncer: PgBouncer
) -> None:
    """At the endpoint that the service is made for, and at the other one."""
    assert not left_by_clients(quiet_pgbouncer)
    before, asked_before = state(quiet), len(statements(quiet))
    report = check(endpoint_url(endpoint, quiet, quiet_pgbouncer, QUIET))
    assert report["facts"]["endpoint"]["kind"] == endpoint
    assert state(quiet) == before
    asked = statements(quiet)[asked_before:]
    assert [statement for statement in asked if not re.match(HARMLESS, statement)] == []
    assert any(statement.endswith(": SET TRANSACTION READ ONLY") for statement in asked)
    # The server ends a direct connection soon after its client.
    only = "SELECT pid FROM pg_stat_activity WHERE datname = %s"
    assert wait_until(lambda: len(quiet.execute(only, [QUIET])) == 1)
    assert not left_by_clients(quiet_pgbouncer)


@pytest.fixture
def standby(server_binaries: ServerBinaries) -> Iterator[PostgresServer]:
    """A server that only reads; its database is migrated."""
    with PostgresServer(server_binaries) as server:
        server.create_database(QUIET)
        yield server


@one_direct
def test_standby_is_a_contradiction(check: Check, standby: PostgresServer) -> None:
    url = standby.direct_url(QUIET)
    check.migrate(url)
    standby.stop()
    (standby.data / "standby.signal").touch()
    standby.start()
    report = check(url)
    assert report["facts"]["server"]["read_only"] == "standby"
    assert said(report["contradictions"], "The server is a standby and takes no writes")
