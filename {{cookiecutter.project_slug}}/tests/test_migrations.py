"""The migrations, on databases of their own."""

import subprocess
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.conftest import alembic


def test_models_and_migrations_agree(empty_database: str) -> None:
    alembic(empty_database, "upgrade", "head")
    alembic(empty_database, "check")


def test_every_migration_can_be_undone(empty_database: str) -> None:
    alembic(empty_database, "upgrade", "head")
    alembic(empty_database, "downgrade", "base")
    alembic(empty_database, "upgrade", "head")


def test_upgrades_at_the_same_time_all_succeed(empty_database: str) -> None:
    with ThreadPoolExecutor(3) as threads:
        upgrades = [threads.submit(alembic, empty_database, "upgrade", "head") for _ in range(3)]
        assert [upgrade.result().returncode for upgrade in upgrades] == [0, 0, 0]


def test_migration_gives_up_on_a_table_in_use_rather_than_hold_up_its_readers(empty_database: str) -> None:
    alembic(empty_database, "upgrade", "head")
    with psycopg.connect(empty_database) as reader:
        reader.execute("SELECT FROM note")
        with pytest.raises(subprocess.CalledProcessError) as failed:
            alembic(empty_database, "-x", "lock_timeout=100ms", "downgrade", "base")
    assert "due to lock timeout" in failed.value.stderr


def test_statements_can_be_read_without_a_database() -> None:
    assert "CREATE TABLE note" in alembic("postgresql://nowhere.invalid/none", "upgrade", "head", "--sql").stdout
