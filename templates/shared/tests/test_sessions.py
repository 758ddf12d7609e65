"""reading() and writing(), on the database itself."""

from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import delete, select

from app.database.sessions import WriteRefusedError, dispose_engine, get_engine, reading, writing
from app.notes.models import Note
from app.settings import get_settings
from tests.conftest import DATABASE, empty
from tests.servers import Endpoint, Postgres


@pytest.fixture(autouse=True)
async def engine(postgres: Postgres, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """An engine of the test's own, on an empty table."""
    empty(postgres)
    monkeypatch.setenv("DATABASE_URL", endpoint.url(DATABASE))
    get_settings.cache_clear()
    yield
    await dispose_engine()
    get_settings.cache_clear()


def titles(postgres: Postgres) -> list[str]:
    """The titles that another client of the database sees."""
    with postgres.connection(DATABASE) as connection:
        return [title for (title,) in connection.execute("SELECT title FROM note ORDER BY id")]


async def test_writing_has_committed_when_its_block_ends(postgres: Postgres) -> None:
    async with writing() as session:
        note = Note(title="Milk", body="")
        session.add(note)
        assert titles(postgres) == []
    assert titles(postgres) == ["Milk"]
    assert note.title == "Milk"


class CallerError(Exception):
    """What a handler may raise inside its block."""


async def write(*titles: str, error: Exception | None = None) -> None:
    async with writing() as session:
        session.add_all([Note(title=title, body="") for title in titles])
        await session.flush()
        if error:
            raise error


async def test_writing_rolls_back_on_any_error(postgres: Postgres) -> None:
    with pytest.raises(CallerError):
        await write("Milk", error=CallerError())
    assert titles(postgres) == []


async def test_writing_passes_on_what_the_database_refused(postgres: Postgres) -> None:
    await write("Milk")
    with pytest.raises(IntegrityError):
        await write("Bread", "Milk")
    assert titles(postgres) == ["Milk"]


async def test_writing_is_a_transaction_after_reading_used_the_connection(postgres: Postgres) -> None:
    async with reading() as session:
        await session.exec(select(Note))
    with pytest.raises(CallerError):
        await write("Milk", error=CallerError())
    assert titles(postgres) == []


async def test_reading_opens_no_transaction(postgres: Postgres) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
    async with reading() as session:
        await session.exec(select(Note))
        with postgres.connection(DATABASE) as connection:
            assert connection.execute(query).fetchone() == (0,)


async def flush_while_reading() -> None:
    async with reading() as session:
        session.add(Note(title="Bread", body=""))
        await session.flush()


async def leave_a_change_behind() -> None:
    async with reading() as session:
        note = (await session.exec(select(Note))).one()
        note.title = "Bread"


async def delete_while_reading() -> None:
    async with reading() as session:
        await session.exec(delete(Note))


@pytest.mark.parametrize("attempt", [flush_while_reading, leave_a_change_behind, delete_while_reading])
async def test_reading_refuses_to_write(postgres: Postgres, attempt: Callable[[], Awaitable[None]]) -> None:
    await write("Milk")
    with pytest.raises(WriteRefusedError):
        await attempt()
    assert titles(postgres) == ["Milk"]


async def test_threads_that_ask_at_once_share_one_engine() -> None:
    at_once = Barrier(8)

    def ask(_: int) -> int:
        at_once.wait()
        return id(get_engine())

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(ask, range(8)))) == 1


async def test_session_that_is_not_used_does_not_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    await dispose_engine()
    get_settings.cache_clear()
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@nowhere.invalid/none")
    async with writing():
        pass
    async with reading():
        pass
