"""A connection is lost, or its time is over, at each step of a session. The pool stays whole."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress

import pytest
from sqlalchemy import func, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.deadline import watchdog
from app.database.sessions import dispose_engine, get_engine, reading, writing
from app.notes.models import Note
from tests.conftest import DATABASE, Configure
from tests.servers import Postgres, attempts
from tests.settings import ONE_SLOT

#: More rounds than the pool has connections: if one lost its place, the next round would find none.
ROUNDS = 3

Lose = Callable[[], object]
Life = Callable[[Lose], Awaitable[None]]


@pytest.fixture(autouse=True)
async def engine(database: str, configure: Configure) -> AsyncIterator[None]:
    """A new engine with one connection, on empty tables."""
    configure(DATABASE_URL=database, DATABASE_DEADLINE="30", **ONE_SLOT)
    yield
    await dispose_engine()


async def use_once() -> None:
    """Use the connection in both ways."""
    async with writing() as session:
        await session.exec(select(Note))
    async with reading() as session:
        await session.exec(select(Note))


async def while_idle(lose: Lose) -> None:
    lose()
    await use_once()


async def before_a_statement(lose: Lose) -> None:
    async with writing() as session:
        await session.exec(select(Note))
        lose()
        await session.exec(select(Note))


async def before_commit(lose: Lose) -> None:
    async with writing() as session:
        session.add(Note(title="Milk", body=""))
        await session.flush()
        lose()


async def before_rollback(lose: Lose) -> None:
    async with writing() as session:
        await session.exec(select(Note))
        lose()
        raise KeyError


async def at_the_end_of_reading(lose: Lose) -> None:
    async with reading() as session:
        await session.exec(select(Note))
        lose()


async def before_the_reset_of_an_isolation_level(lose: Lose) -> None:
    async with get_engine().connect() as connection:
        serializable = await connection.execution_options(isolation_level="SERIALIZABLE")
        await serializable.execute(text("SELECT 1"))
        await serializable.commit()
        lose()


async def before_the_reset_of_autocommit(lose: Lose) -> None:
    async with get_engine().connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text("SELECT 1"))
        lose()


@pytest.mark.parametrize(
    "life",
    [
        while_idle,
        before_a_statement,
        before_commit,
        before_rollback,
        at_the_end_of_reading,
        before_the_reset_of_an_isolation_level,
        before_the_reset_of_autocommit,
    ],
)
async def test_pool_is_whole_after_a_connection_was_lost(postgres: Postgres, life: Life) -> None:
    for _ in range(ROUNDS):
        await use_once()
        with suppress(DBAPIError, KeyError):
            await life(lambda: postgres.terminate_backends(DATABASE))
        assert not watchdog.watches
    await use_once()


@pytest.fixture
def slow_commit(postgres: Postgres) -> Iterator[None]:
    """Inside the test, the COMMIT of a new note takes a minute."""
    with postgres.connection(DATABASE) as connection:
        connection.execute(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'"
        )
        connection.execute(
            "CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON note DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION wait()"
        )
    yield
    postgres.terminate_backends(DATABASE)
    with postgres.connection(DATABASE) as connection:
        connection.execute("DROP FUNCTION wait CASCADE")


async def sleep(session: AsyncSession, seconds: float) -> None:
    await session.exec(select(func.pg_sleep(seconds)))


async def wait_in_a_statement() -> None:
    async with reading(deadline=0.1) as session:
        await sleep(session, 60)


async def wait_in_a_statement_of_a_transaction() -> None:
    async with writing(deadline=0.1) as session:
        await sleep(session, 60)


async def wait_in_a_long_transaction() -> None:
    async with writing() as session:
        await sleep(session, 60)


async def wait_in_commit() -> None:
    async with writing(deadline=0.1) as session:
        session.add(Note(title="Milk", body=""))


async def wait_between_statements() -> None:
    async with writing(deadline=0.1) as session:
        await session.exec(select(Note))
        for _ in attempts():
            if all(watch.end for watch in watchdog.watches):
                break
        await session.exec(select(Note))


@pytest.mark.parametrize(
    "wait",
    [wait_in_a_statement, wait_in_a_statement_of_a_transaction, wait_in_commit, wait_between_statements],
)
async def test_session_ends_at_its_deadline(slow_commit: None, wait: Callable[[], Awaitable[None]]) -> None:
    for _ in range(ROUNDS):
        with pytest.raises(DBAPIError) as caught:
            await wait()
        assert caught.value.connection_invalidated
        assert not watchdog.watches
    await use_once()


async def test_deadline_of_the_settings_holds_where_a_session_names_none(database: str, configure: Configure) -> None:
    configure(DATABASE_URL=database, DATABASE_DEADLINE="0.5", **ONE_SLOT)
    with pytest.raises(DBAPIError):
        await wait_in_a_long_transaction()
    async with writing(deadline=60) as session:
        await sleep(session, 1)
