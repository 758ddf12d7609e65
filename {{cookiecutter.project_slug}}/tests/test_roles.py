"""deploy/roles.sql: what the service's role may do, and what it may not."""

import psycopg
import pytest

from app.models import metadata
from tests.application import open_client
from tests.conftest import DATABASE, Configure
from tests.roles import ADMIN, OWNER, RUNTIME, make_roles
from tests.servers import Endpoint, Postgres
from tests.test_deploy import REVISION


@pytest.fixture
def connection(endpoint: Endpoint, database: str) -> psycopg.Connection:
    """A connection as the service has it, which prepares nothing."""
    return psycopg.connect(endpoint.url(DATABASE, RUNTIME), autocommit=True, prepare_threshold=None)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE other (id int)",
        "CREATE SCHEMA other",
        "CREATE TEMPORARY TABLE other (id int)",
        "ALTER TABLE note ADD COLUMN other int",
        "DROP TABLE note",
        "TRUNCATE note",
        "CREATE INDEX ON note (title)",
        "CREATE FUNCTION other() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE ROLE other",
        "INSERT INTO alembic_version VALUES ('other')",
        "DELETE FROM alembic_version",
        "SET ROLE {owner}",
    ],
)
def test_service_changes_rows_only(connection: psycopg.Connection, statement: str) -> None:
    with connection, pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue)):
        connection.execute(statement.format(owner=OWNER).encode())


def test_service_changes_the_rows_of_every_table(connection: psycopg.Connection) -> None:
    with connection:
        for table in metadata.sorted_tables:
            for right in ("SELECT", "INSERT", "UPDATE", "DELETE"):
                found = connection.execute("SELECT has_table_privilege(%s, %s)", [table.name, right]).fetchone()
                assert found == (True,), f"{RUNTIME} may not {right} in {table.name}."


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("search_path", "public"),
        ("statement_timeout", "2min"),
        ("idle_in_transaction_session_timeout", "2min"),
        ("client_connection_check_interval", "5s"),
    ],
)
def test_settings_come_with_the_role(connection: psycopg.Connection, setting: str, value: str) -> None:
    """Also behind a pooler, which cannot lose them."""
    with connection:
        assert connection.execute("SELECT current_setting(%s)", [setting]).fetchone() == (value,)


@pytest.mark.parametrize("limit", ["statement_timeout", "idle_in_transaction_session_timeout"])
def test_role_lets_a_session_last_as_long_as_cloud_run_lets_a_request(
    connection: psycopg.Connection, limit: str
) -> None:
    with connection:
        setting = "SELECT setting::int / 1000 FROM pg_settings WHERE name = %s"
        assert connection.execute(setting, [limit]).fetchone() == (REVISION["spec"]["timeoutSeconds"],), (
            f"Raise {limit} in deploy/roles.sql, and run: bash deploy/bootstrap.sh roles"
        )


def test_table_of_a_later_migration_is_readable_at_once(postgres: Postgres, connection: psycopg.Connection) -> None:
    with psycopg.connect(postgres.url(DATABASE, OWNER), autocommit=True) as owner, connection:
        owner.execute("CREATE TABLE later (id serial PRIMARY KEY)")
        try:
            connection.execute("INSERT INTO later DEFAULT VALUES")
            assert connection.execute("SELECT id FROM later").fetchall() == [(1,)]
        finally:
            owner.execute("DROP TABLE later")


def test_search_path_of_a_neighbour_leads_to_no_other_table(
    postgres: Postgres, endpoint: Endpoint, database: str, configure: Configure
) -> None:
    """Behind a pooler, a plain SET stays on the server connection that the next client gets."""
    with postgres.connection(DATABASE) as admin:
        admin.execute("CREATE SCHEMA trap CREATE TABLE note (LIKE public.note INCLUDING ALL)")
        admin.execute(f"GRANT USAGE ON SCHEMA trap TO {RUNTIME}; GRANT ALL ON trap.note TO {RUNTIME}".encode())
        try:
            with (
                psycopg.connect(endpoint.url(DATABASE, RUNTIME), autocommit=True, prepare_threshold=None) as neighbour,
                open_client() as client,
            ):
                neighbour.execute("SET search_path = trap")
                assert client.post("/notes", json={"title": "Milk"}).status_code == 201
                assert [note["title"] for note in client.get("/notes").json()["items"]] == ["Milk"]
                # It has one server connection, or a pooler hands it the one that the service used.
                neighbour.execute("RESET search_path")
            assert admin.execute("SELECT count(*) FROM trap.note").fetchone() == (0,)
            assert admin.execute("SELECT count(*) FROM public.note").fetchone() == (1,)
        finally:
            admin.execute("DROP SCHEMA trap CASCADE")


def test_roles_may_be_made_again(postgres: Postgres) -> None:
    with postgres.connection(DATABASE, ADMIN) as connection:
        rights = "SELECT relname, relacl::text FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
        before = connection.execute(rights).fetchall()
        make_roles(connection)
        assert connection.execute(rights).fetchall() == before
