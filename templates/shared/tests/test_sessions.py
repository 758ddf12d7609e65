"""reading() and writing(), on the real database."""

from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from threading import Barrier

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.sessions import (
    WriteRefusedError,
    dispose_engine,
    get_engine,
    open_sessions,
    reading,
    writing,
)
from app.notes.models import Note
from tests.conftest import DATABASE, Configure
from tests.servers import Postgres


@pytest.fixture(autouse=True)
async def engine(database: str) -> AsyncIterator[None]:
    """A new engine for the test, on empty tables."""
    yield
    await dispose_engine()


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
    """An error that a handler may raise inside its block."""


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


async def test_session_that_is_not_used_does_not_connect(configure: Configure) -> None:
    configure(DATABASE_URL="postgresql://nobody@nowhere.invalid/none")
    async with writing():
        pass
    async with reading():
        pass


async def test_reading_streams_from_the_server(postgres: Postgres) -> None:
    await write("Milk", "Bread", "Eggs")
    async with reading() as session:
        assert len((await session.exec(select(Note))).all()) == 3
        notes = await session.exec(select(Note.title).order_by(Note.title).execution_options(yield_per=1))
        assert list(notes) == ["Bread", "Eggs", "Milk"]


async def stream() -> AsyncIterator[None]:
    async with reading():
        yield


@asynccontextmanager
async def block_of_the_owner() -> AsyncIterator[None]:
    async with writing():
        yield


async def test_request_knows_the_sessions_that_can_be_left_open_and_no_others() -> None:
    sessions: set[AsyncSession] = set()
    token = open_sessions.set(sessions)
    async with writing(), reading(), block_of_the_owner():
        assert not sessions
    async for _ in stream():
        assert len(sessions) == 1
    assert not sessions
    open_sessions.reset(token)
