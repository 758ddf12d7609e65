"""The two ways to a session, opened in the handler, one visible block per transaction.

    async with writing() as session:  # commits at the end of the block, rolls back on any error
    async with reading() as session:  # no transaction: two round trips fewer, and refuses to write

Both connect when the block first uses the session. Rows stay readable after the block; relationships that were not
loaded in it do not.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import ORMExecuteState
from sqlmodel import Session
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.engine import build_engine
from app.settings import get_settings


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
def get_engine() -> AsyncEngine:
    """The process's one engine, built when first asked for."""
    settings = get_settings()
    return build_engine(settings.database_url, settings)


async def dispose_engine() -> None:
    """Close the engine's connections; the next get_engine() builds a new one."""
    if get_engine.cache_info().currsize:
        await get_engine().dispose()
        get_engine.cache_clear()


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

    Raises:
        WriteRefusedError: the block tried to write, or left a change behind.
        sqlalchemy.exc.SQLAlchemyError: no connection, or the database refused a statement.
    """
    engine = get_engine().execution_options(isolation_level="AUTOCOMMIT")
    async with AsyncSession(engine, sync_session_class=ReadOnlySession, expire_on_commit=False) as session:
        yield session
        await session.flush()
