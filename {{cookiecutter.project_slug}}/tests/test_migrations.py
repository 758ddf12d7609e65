"""The migrations, each test on its own database."""

import json
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from tests.migrations import alembic, start_alembic, with_migrations
from tests.servers import attempts, free_port

CREATE_TABLE = """
op.create_table("crowd", sa.Column("number", sa.BigInteger()))
op.execute("INSERT INTO crowd SELECT generate_series(1, 1000)")
"""

CREATE_INDEX = """
with op.get_context().autocommit_block():
    op.drop_index("ix_crowd_number", postgresql_concurrently=True, if_exists=True)
    op.create_index("ix_crowd_number", "crowd", ["number"], postgresql_concurrently=True)
"""

VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_crowd_number'::regclass"

CLIENTS = """
    SELECT count(*), count(*) FILTER (WHERE wait_event = 'virtualxid')
    FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
"""


def test_models_and_migrations_agree(empty_database: str) -> None:
    alembic(empty_database, "upgrade", "head")
    alembic(empty_database, "check")


def test_every_migration_can_be_undone(empty_database: str) -> None:
    alembic(empty_database, "upgrade", "head")
    alembic(empty_database, "downgrade", "base")
    alembic(empty_database, "upgrade", "head")


def test_upgrades_at_the_same_time_all_succeed(empty_database: str, tmp_path: Path) -> None:
    """Also where an index is built CONCURRENTLY: that waits for the transactions of all others."""
    folder = with_migrations(tmp_path, CREATE_TABLE, CREATE_INDEX)
    arguments = ("-x", "lock_timeout=1min", "upgrade", "head")
    with psycopg.connect(empty_database) as reader, psycopg.connect(empty_database, autocommit=True) as connection:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("SELECT")
        upgrades = [start_alembic(empty_database, *arguments, folder=folder) for _ in range(3)]
        wait_for_clients(connection, 5)
        reader.commit()
        outputs = [upgrade.communicate()[0] for upgrade in upgrades]
        assert [upgrade.returncode for upgrade in upgrades] == [0, 0, 0], outputs
        assert connection.execute(VALID).fetchall() == [(True,)]
        assert connection.execute("SELECT count(*) FROM crowd").fetchall() == [(1000,)]
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("added1",)]


def wait_for_clients(connection: psycopg.Connection, count: int) -> None:
    """Return when the database has so many clients and one of them waits for the transaction of another."""
    for _ in attempts():
        [(connected, waiting)] = connection.execute(CLIENTS).fetchall()
        if connected == count and waiting:
            return


def test_migration_gives_up_on_a_table_in_use_rather_than_hold_up_its_readers(empty_database: str) -> None:
    alembic(empty_database, "upgrade", "head")
    with psycopg.connect(empty_database) as reader:
        reader.execute("SELECT FROM note")
        with pytest.raises(DBAPIError, match="due to lock timeout"):
            alembic(empty_database, "-x", "lock_timeout=100ms", "downgrade", "base")


@pytest.mark.parametrize(
    ("body", "arguments", "said"),
    [
        ("op.execute('SELECT 1 / 0')", ("upgrade", "head"), "division by zero"),
        ("this is no Python", ("upgrade", "head"), "SyntaxError: invalid syntax"),
        ("pass", ("upgrade", "unknown"), "Can't locate revision identified by 'unknown'"),
    ],
)
def test_failure_is_one_critical_line(
    empty_database: str, tmp_path: Path, body: str, arguments: tuple[str, ...], said: str
) -> None:
    entry = critical_entry(start_alembic(empty_database, *arguments, folder=with_migrations(tmp_path, body)))
    assert said in entry["message"]


def test_database_that_does_not_answer_is_one_critical_line(tmp_path: Path) -> None:
    url = f"postgresql://user:not-a-real-secret@127.0.0.1:{free_port()}/none"
    entry = critical_entry(start_alembic(url, "upgrade", "head", DATABASE_WAKE_TIMEOUT="0"))
    assert entry["message"].startswith("The database does not answer: ")
    assert "not-a-real-secret" not in str(entry)


def critical_entry(failed: subprocess.Popen[str]) -> dict[str, Any]:
    """The one line of this severity of a command that fails; all of its lines are JSON."""
    output, _ = failed.communicate()
    assert failed.returncode == 1
    entries = [json.loads(line) for line in output.splitlines()]
    [entry] = [entry for entry in entries if entry["severity"] == "CRITICAL"]
    return dict(entry)


def test_statements_can_be_read_without_a_database() -> None:
    assert "CREATE TABLE note" in alembic("postgresql://nowhere.invalid/none", "upgrade", "head", "--sql")
