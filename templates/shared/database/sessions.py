"""The two ways to open a session. A handler opens it itself, as a visible block for each transaction.

writing() commits at the end of its block and rolls back on any error.

reading() opens no transaction, which saves two round trips (a message and its answer). It refuses to flush, and to run
INSERT, UPDATE or DELETE.

Both connect when the block first uses the session. Rows stay readable after the block; relationships that were not
loaded in it do not.
"""

import inspect
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import cache
from threading import Lock
from types import FrameType
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import ORMExecuteState
from sqlmodel import Session
from sqlmodel.ext.asyncio.session import AsyncSession

from .engine import build_engine
from .settings import get_database_settings

building = Lock()

#: The sessions of a request whose blocks are in generators, or None outside of a request.
open_sessions: ContextVar[set[AsyncSession] | None] = ContextVar("open_sessions", default=None)


class WriteRefusedError(RuntimeError):
    """A write in a reading() block. It would be permanent at once, without a rollback."""

    def __init__(self) -> None:
        super().__init__("reading() does not write: open the session with writing().")


class ReadOnlySession(Session):
    """A session that refuses to flush and to run INSERT, UPDATE or DELETE."""


@event.listens_for(ReadOnlySession, "before_flush")
def refuse_flush(session: Session, context: Any, instances: Any) -> None:
    raise WriteRefusedError


@event.listens_for(ReadOnlySession, "do_orm_execute")
def before_execute(state: ORMExecuteState) -> None:
    if state.is_insert or state.is_update or state.is_delete:
        raise WriteRefusedError
    if state.execution_options.get("stream_results") or state.execution_options.get("yield_per"):
        open_transaction(state)


def open_transaction(state: ORMExecuteState) -> None:
    """Let the rest of a reading() block run in a transaction, because a streamed result needs one."""
    session = state.session
    if "transaction" not in session.info:
        # It returns the connection in AUTOCOMMIT to the engine.
        session.commit()
        session.connection(execution_options={"isolation_level": "READ COMMITTED"})
        session.info["transaction"] = True


@cache
def cached_engine() -> AsyncEngine:
    settings = get_database_settings()
    return build_engine(settings.database_url, settings)


def get_engine() -> AsyncEngine:
    """The one engine of this process, built at the first call."""
    # Threads that call at the same time would each build one: cache does not make them wait.
    with building:
        return cached_engine()


async def dispose_engine() -> None:
    """Close the engine's connections; the next get_engine() builds a new one."""
    if cached_engine.cache_info().currsize:
        await cached_engine().dispose()
        cached_engine.cache_clear()


def writing() -> "SessionBlock":
    """A session in one transaction.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: no connection, or the database refused a statement or the commit.
    """
    return SessionBlock(AsyncSession(get_engine(), expire_on_commit=False), AsyncSession.commit)


def reading() -> "SessionBlock":
    """A session in AUTOCOMMIT (no transaction): each query sees the latest data, so two queries may see different data.

    It refuses a write through the ORM. It cannot refuse a write in text(), which is permanent at once. A result that
    is streamed (the option yield_per) opens a transaction until the end of the block.

    Raises:
        WriteRefusedError: the block tried to write, or left a changed object.
        sqlalchemy.exc.SQLAlchemyError: no connection, or the database refused a statement.
    """
    engine = get_engine().execution_options(isolation_level="AUTOCOMMIT")
    session = AsyncSession(engine, sync_session_class=ReadOnlySession, expire_on_commit=False)
    return SessionBlock(session, AsyncSession.flush)


class SessionBlock:
    """The block of a session: it finishes the session's work where it succeeds, and closes the session at its end.

    It is a class and no generator: of two generators, one in the other, each would be closed by itself where both are
    left in the middle.
    """

    def __init__(self, session: AsyncSession, finish: Callable[[AsyncSession], Awaitable[None]]) -> None:
        self.session = session
        self.finish = finish
        self.known_to: set[AsyncSession] = set()

    async def __aenter__(self) -> AsyncSession:
        sessions = open_sessions.get()
        if sessions is not None and stands_in_generator():
            self.known_to = sessions
        self.known_to.add(self.session)
        return self.session

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: Any) -> None:
        try:
            async with self.session:
                if error is None:
                    await self.finish(self.session)
        finally:
            self.known_to.discard(self.session)


def stands_in_generator() -> bool:
    """Whether the block is in a generator; every other block runs to its end.

    Work that a handler starts runs in the handler's context. It goes on after the request, and so do its sessions.
    """
    frame = inspect.currentframe()
    while frame and is_context_manager(frame):
        frame = frame.f_back
    return bool(frame and frame.f_code.co_flags & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR))


def is_context_manager(frame: FrameType) -> bool:
    """Whether this is a frame of a context manager, here or in a function with @contextmanager."""
    modules = [part.f_globals["__name__"] for part in (frame, frame.f_back) if part]
    return modules[0] == __name__ or "contextlib" in modules


async def close_left_open(sessions: set[AsyncSession]) -> None:
    """Close the sessions whose block did not end: a streamed answer stops in the middle when its client disconnects."""
    for session in list(sessions):
        await session.close()
