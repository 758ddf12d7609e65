"""The migrations, each test on its own database."""

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from tests.migrations import alembic, start_alembic


def test_models_and_migrations_agree(empty_database: str) -> None:
    alembic(empty_database, "upgrade", "head")
    alembic(empty_database, "check")


def test_every_migration_can_be_undone(empty_database: str) -> None:
    alembic(empty_database, "upgrade", "head")
    alembic(empty_database, "downgrade", "base")
    alembic(empty_database, "upgrade", "head")


def test_upgrades_at_the_same_time_all_succeed(empty_database: str) -> None:
    upgrades = [start_alembic(empty_database, "upgrade", "head") for _ in range(3)]
    outputs = [upgrade.communicate()[0] for upgrade in upgrades]
    assert [upgrade.returncode for upgrade in upgrades] == [0, 0, 0], outputs


def test_migration_gives_up_on_a_table_in_use_rather_than_hold_up_its_readers(empty_database: str) -> None:
    alembic(empty_database, "upgrade", "head")
    with psycopg.connect(empty_database) as reader:
        reader.execute("SELECT FROM note")
        with pytest.raises(DBAPIError, match="due to lock timeout"):
            alembic(empty_database, "-x", "lock_timeout=100ms", "downgrade", "base")


def test_statements_can_be_read_without_a_database() -> None:
    assert "CREATE TABLE note" in alembic("postgresql://nowhere.invalid/none", "upgrade", "head", "--sql")
