"""The two roles in the database, made by a role as providers hand it out, on a real PostgreSQL and a real PgBouncer."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from combinations import SUPPORTED, BakedProject, Combination
from conftest import Bake
from environments import environment
from servers import PgBouncer, PostgresServer, ServerBinaries, wait_until
from storm import migrate, service_environment

ADMIN, ADMIN_PASSWORD = "provided", "not-a-real-password"
OWNER, RUNTIME = "notes_service_owner", "notes_service_run"

#: Whether the provider takes passwords as they are, or verifiers of them.
PROVIDERS = {"neon": "plain", "other": "verifier"}

URL = "postgresql://{user}:not-a-real-password@127.0.0.1:{port}/{database}?sslmode=require"


@pytest.fixture
def provided(postgres: PostgresServer) -> Iterator[str]:
    """A database of a role that is no superuser and may make roles, as a provider hands it out."""
    name = f"provided-{uuid4()}"
    postgres.execute(SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD 'not-a-real-password'").format(Identifier(ADMIN)))
    postgres.execute(SQL("CREATE DATABASE {} OWNER {}").format(Identifier(name), Identifier(ADMIN)))
    yield name
    postgres.drop_database(name)
    for role in (OWNER, RUNTIME, ADMIN):
        if postgres.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]):
            postgres.execute(SQL("DROP OWNED BY {role}; DROP ROLE {role}").format(role=Identifier(role)))


@pytest.fixture(params=PROVIDERS)
def project(bake: Bake, request: pytest.FixtureRequest) -> BakedProject:
    first = SUPPORTED[0]
    return bake(Combination(first.framework, first.pooling_strategy, first.driver, request.param))


def make_roles(project: BakedProject, *urls: str, options: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """python -m dev.roles, as deploy/bootstrap.sh runs it."""
    return subprocess.run(
        [str(environment(project)), "-m", "dev.roles", *options],
        cwd=project.path,
        input="".join(f"{url}\n" for url in urls),
        capture_output=True,
        encoding="utf-8",
    )


def made_roles(project: BakedProject, postgres: PostgresServer, database: str, *options: str) -> list[str]:
    """The two connection strings that it prints, or none."""
    url = URL.format(user=ADMIN, port=postgres.port, database=database)
    done = make_roles(project, url, url, options=options)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def password(url: str) -> str:
    return unquote(urlsplit(url).password or "")


def test_service_and_migrations_get_their_own_roles(
    project: BakedProject, postgres: PostgresServer, provided: str
) -> None:
    for url, role in zip(made_roles(project, postgres, provided), (RUNTIME, OWNER), strict=True):
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT current_user::text").fetchone() == (role,)
            assert urlsplit(url).path == f"/{provided}"


def test_roles_made_again_keep_their_passwords(bake: Bake, postgres: PostgresServer, provided: str) -> None:
    urls = made_roles(bake(SUPPORTED[0]), postgres, provided)
    assert not made_roles(bake(SUPPORTED[0]), postgres, provided)
    for url in urls:
        psycopg.connect(url).close()


def test_new_passwords_end_the_old_ones(project: BakedProject, postgres: PostgresServer, provided: str) -> None:
    before, after = (made_roles(project, postgres, provided, "--new-passwords") for _ in range(2))
    for old, new in zip(before, after, strict=True):
        psycopg.connect(new).close()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(old)


def test_tables_of_one_role_become_the_owners(project: BakedProject, postgres: PostgresServer, provided: str) -> None:
    admin = URL.format(user=ADMIN, port=postgres.port, database=provided)
    migrate(environment(project), project.path, service_environment(admin, admin))
    runtime, owner = made_roles(project, postgres, provided)
    owners = "SELECT DISTINCT tableowner::text FROM pg_tables WHERE schemaname = 'public'"
    assert postgres.execute(owners, database=provided) == [(OWNER,)]
    migrate(environment(project), project.path, service_environment(runtime, owner))
    with psycopg.connect(runtime) as connection:
        connection.execute("INSERT INTO note (title, body) VALUES ('Milk', '')")
        assert connection.execute("SELECT title FROM note").fetchall() == [("Milk",)]


#: One of each kind that a migration may make in the schema: what makes it, and where the catalogs have its owner.
KINDS = {
    "table": ("CREATE TABLE made (a int, b serial, c bigint GENERATED ALWAYS AS IDENTITY)", "pg_class.rel"),
    "partitioned": ("CREATE TABLE made (a int) PARTITION BY RANGE (a)", "pg_class.rel"),
    "partition": (
        "CREATE TABLE whole (a int) PARTITION BY RANGE (a); CREATE TABLE made PARTITION OF whole DEFAULT",
        "pg_class.rel",
    ),
    "view": ("CREATE VIEW made AS SELECT 1 AS a", "pg_class.rel"),
    "materialized view": ("CREATE MATERIALIZED VIEW made AS SELECT 1 AS a", "pg_class.rel"),
    "sequence": ("CREATE SEQUENCE made", "pg_class.rel"),
    "enum": ("CREATE TYPE made AS ENUM ('a')", "pg_type.typ"),
    "domain": ("CREATE DOMAIN made AS int CHECK (value > 0)", "pg_type.typ"),
    "composite type": ("CREATE TYPE made AS (a int)", "pg_type.typ"),
    "range": ("CREATE TYPE made AS RANGE (SUBTYPE = int)", "pg_type.typ"),
    "function": ("CREATE FUNCTION made(int) RETURNS int LANGUAGE sql AS 'SELECT 1'", "pg_proc.pro"),
    "procedure": ("CREATE PROCEDURE made() LANGUAGE sql AS 'SELECT 1'", "pg_proc.pro"),
    "aggregate": ("CREATE AGGREGATE made(int) (SFUNC = int4pl, STYPE = int)", "pg_proc.pro"),
    "operator": ("CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)", "pg_operator.opr"),
    "collation": ('CREATE COLLATION made FROM "C"', "pg_collation.coll"),
    "statistics": ("CREATE TABLE two (a int, b int); CREATE STATISTICS made ON a, b FROM two", "pg_statistic_ext.stx"),
    "text search": ("CREATE TEXT SEARCH CONFIGURATION made (COPY = simple)", "pg_ts_config.cfg"),
    "dictionary": ("CREATE TEXT SEARCH DICTIONARY made (TEMPLATE = simple)", "pg_ts_dict.dict"),
}


def test_what_one_role_has_made_becomes_the_owners_whatever_it_is(
    bake: Bake, postgres: PostgresServer, provided: str
) -> None:
    """A migration that the new owner runs later may change each of them."""
    owners = []
    with psycopg.connect(URL.format(user=ADMIN, port=postgres.port, database=provided)) as admin:
        admin.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        for number, (statement, catalog) in enumerate(KINDS.values()):
            name = f"made{number}"
            # An operator has no letters in its name.
            admin.execute(statement.replace("made", name).encode())
            table, _, column = catalog.partition(".")
            found = name if "made" in statement else "==="
            owners.append(f"SELECT {column}owner::regrole::text FROM {table} WHERE {column}name = '{found}'".encode())
        admin.execute((bake(SUPPORTED[0]).path / "deploy" / "roles.sql").read_bytes())
        left = [
            kind for kind, query in zip(KINDS, owners, strict=True) if admin.execute(query).fetchall() != [(OWNER,)]
        ]
    assert not left


@pytest.mark.parametrize(
    "statement",
    [
        "GRANT CREATE ON SCHEMA public TO PUBLIC; ALTER SCHEMA public OWNER TO postgres",
        "ALTER DATABASE {database} OWNER TO postgres; ALTER SCHEMA public OWNER TO {admin}",
    ],
    ids=["schema", "database"],
)
def test_roles_are_not_made_where_everybody_would_still_make_tables(
    bake: Bake, postgres: PostgresServer, provided: str, statement: str
) -> None:
    """A REVOKE by another one than the owner changes nothing, and only warns."""
    names = {"database": Identifier(provided), "admin": Identifier(ADMIN)}
    postgres.execute(SQL(statement).format(**names), database=provided)
    url = URL.format(user=ADMIN, port=postgres.port, database=provided)
    done = make_roles(bake(SUPPORTED[0]), url, url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "PUBLIC may still make tables" in done.stderr
    assert not postgres.execute("SELECT 1 FROM pg_roles WHERE rolname LIKE 'notes_service_%'")


def test_log_of_the_server_has_no_password_where_the_provider_takes_a_verifier(
    project: BakedProject, postgres: PostgresServer, provided: str
) -> None:
    postgres.execute(SQL("ALTER DATABASE {} SET log_statement = 'all'").format(Identifier(provided)))
    before = len(postgres.log_text())
    urls = made_roles(project, postgres, provided)
    logged = postgres.log_text()[before:]
    assert "ALTER ROLE" in logged
    shown = [url for url in urls if password(url) in logged]
    assert bool(shown) == (PROVIDERS[project.combination.provider] == "plain")


def test_role_that_may_make_no_roles_is_told_the_other_way(
    project: BakedProject, postgres: PostgresServer, provided: str
) -> None:
    postgres.execute(SQL("ALTER ROLE {} NOCREATEROLE").format(Identifier(ADMIN)))
    url = URL.format(user=ADMIN, port=postgres.port, database=provided)
    done = make_roles(project, url, url)
    assert (done.returncode, done.stdout) == (1, "")
    [sentence] = done.stderr.splitlines()
    assert sentence.endswith("bash deploy/bootstrap.sh --one-role")
    assert not postgres.execute("SELECT 1 FROM pg_roles WHERE rolname LIKE 'notes_service_%'")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://provided:{password}@127.0.0.1:1/none", "The roles were not made"),
        ("postgresql:///none?host=127.0.0.1&password={password}", "User and password must stand before the host"),
        ("postgresql://provided@127.0.0.1/none?password={password}", "User and password must stand before the host"),
        ("postgresql://:{password}@127.0.0.1/none?user=provided", "User and password must stand before the host"),
        ("mysql://provided:{password}@127.0.0.1/none", "That connection string cannot be used."),
        ("", "User and password must stand before the host"),
    ],
)
def test_what_goes_wrong_is_one_sentence_without_a_secret(bake: Bake, url: str, said: str) -> None:
    url = url.format(password=ADMIN_PASSWORD)
    done = make_roles(bake(SUPPORTED[0]), url, url)
    assert (done.returncode, done.stdout) == (1, "")
    [sentence] = done.stderr.splitlines()
    assert sentence.startswith(said)
    assert ADMIN_PASSWORD not in sentence


def test_pooler_of_supabase_gets_the_project_behind_the_role(bake: Bake, postgres: PostgresServer) -> None:
    first = SUPPORTED[0]
    project = bake(Combination(first.framework, first.pooling_strategy, first.driver, "supabase"))
    code = "from dev.roles import with_role; print(with_role(input(), 'notes_service_run', 'not-a-real-secret'))"
    done = subprocess.run(
        [str(environment(project)), "-c", code],
        cwd=project.path,
        input="postgresql://postgres.abcdef:not-a-real-password@aws-1-x.pooler.supabase.com:6543/postgres",
        capture_output=True,
        encoding="utf-8",
    )
    pooler = "aws-1-x.pooler.supabase.com:6543/postgres"
    assert done.stdout.strip() == f"postgresql://notes_service_run.abcdef:not-a-real-secret@{pooler}", done.stderr


@contextmanager
def pooler_of(binaries: ServerBinaries, postgres: PostgresServer, url: str) -> Iterator[PgBouncer]:
    """A PgBouncer that knows the role of this URL too."""
    pooler = PgBouncer(binaries, postgres)
    with (pooler.folder / "users.txt").open("a", encoding="utf-8") as users:
        users.write(f'"{RUNTIME}" "{password(url)}"\n')
    with pooler:
        yield pooler


#: Its statement lasts longer than the test waits.
SLEEP = "import psycopg, sys; psycopg.connect(sys.argv[1]).execute('SELECT pg_sleep(100)')"


@pytest.mark.parametrize("endpoint", ["direct", "pooled"])
def test_statement_whose_client_has_left_ends(
    bake: Bake, server_binaries: ServerBinaries, postgres: PostgresServer, provided: str, endpoint: str
) -> None:
    direct, _ = made_roles(bake(SUPPORTED[0]), postgres, provided)
    with pooler_of(server_binaries, postgres, direct) as pooler:
        url = direct.replace(f":{postgres.port}/", f":{pooler.port}/") if endpoint == "pooled" else direct
        client = subprocess.Popen([sys.executable, "-c", SLEEP, url])
        sleeping = "SELECT pid FROM pg_stat_activity WHERE usename = %s AND wait_event = 'PgSleep'"
        assert wait_until(lambda: bool(postgres.execute(sleeping, [RUNTIME])))
        # It says no goodbye.
        client.kill()
        client.wait()
        assert wait_until(lambda: not postgres.execute(sleeping, [RUNTIME]))
