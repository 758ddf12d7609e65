"""The migrations, on databases of their own."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import alembic
from tests.servers import Postgres


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    """An empty database."""
    name = f"migrations-{uuid.uuid4()}"
    postgres.create_database(name)
    yield postgres.url(name)
    postgres.drop_database(name)


def test_models_and_migrations_agree(url: str) -> None:
    alembic(url, "upgrade", "head")
    alembic(url, "check")


def test_every_migration_can_be_undone(url: str) -> None:
    alembic(url, "upgrade", "head")
    alembic(url, "downgrade", "base")
    alembic(url, "upgrade", "head")


def test_upgrades_at_the_same_time_all_succeed(url: str) -> None:
    with ThreadPoolExecutor(3) as threads:
        upgrades = [threads.submit(alembic, url, "upgrade", "head") for _ in range(3)]
        assert [upgrade.result().returncode for upgrade in upgrades] == [0, 0, 0]


def test_statements_can_be_read_without_a_database() -> None:
    assert "CREATE TABLE note" in alembic("postgresql://nowhere.invalid/none", "upgrade", "head", "--sql").stdout
