"""The two ways to a session, opened in the handler, one visible block per transaction.

    async with writing() as session:  # commits at the end of the block, rolls back on any error
    async with reading() as session:  # no transaction: two round trips fewer; refuses to flush, and INSERT and the like

Both connect when the block first uses the session. Rows stay readable after the block; relationships that were not
loaded in it do not.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from threading import Lock
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import ORMExecuteState
from sqlmodel import Session
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.engine import build_engine
from app.settings import get_settings

building = Lock()


class WriteRefusedError(RuntimeError):
    """A write in a reading() block, where it would be permanent at once and could not be rolled back."""

    def __init__(self) -> None:
        super().__init__("reading() does not write: open the session with writing().")


class ReadOnlySession(Session):
    """A session that refuses to flush and to run INSERT, UPDATE or DELETE."""


@event.listens_for(ReadOnlySession, "before_flush")
def refuse_flush(session: Session, context: Any, instances: Any) -> None:
    raise WriteRefusedError


@event.listens_for(ReadOnlySession, "do_orm_execute")
def refuse_statement(state: ORMExecuteState) -> None:
    if state.is_insert or state.is_update or state.is_delete:
        raise WriteRefusedError


@cache
def cached_engine() -> AsyncEngine:
    settings = get_settings()
    return build_engine(settings.database_url, settings)


def get_engine() -> AsyncEngine:
    """The process's one engine, built when first asked for."""
    # Of threads that ask at the same time each would build one: cache does not hold them up.
    with building:
        return cached_engine()


async def dispose_engine() -> None:
    """Close the engine's connections; the next get_engine() builds a new one."""
    if cached_engine.cache_info().currsize:
        await cached_engine().dispose()
        cached_engine.cache_clear()


@asynccontextmanager
async def writing() -> AsyncIterator[AsyncSession]:
    """A session in one transaction.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: no connection, or the database refused a statement or the commit.
    """
    async with AsyncSession(get_engine(), expire_on_commit=False) as session, session.begin():
        yield session


@asynccontextmanager
async def reading() -> AsyncIterator[AsyncSession]:
    """A session in AUTOCOMMIT: each query sees the latest data, two of them need not see the same.

    What would write through the ORM is refused. A write hidden in text() is not seen, and would be permanent at once.

    Raises:
        WriteRefusedError: the block tried to write, or left a change behind.
        sqlalchemy.exc.SQLAlchemyError: no connection, or the database refused a statement.
    """
    engine = get_engine().execution_options(isolation_level="AUTOCOMMIT")
    async with AsyncSession(engine, sync_session_class=ReadOnlySession, expire_on_commit=False) as session:
        yield session
        await session.flush()
