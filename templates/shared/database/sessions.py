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
from dataclasses import dataclass
from functools import cache
from threading import Lock
from types import FrameType
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import ORMExecuteState, SessionTransaction
from sqlmodel import Session
from sqlmodel.ext.asyncio.session import AsyncSession

from .deadline import prolong
from .engine import build_engine
from .settings import get_database_settings

building = Lock()

#: The sessions of a request whose blocks are in generators, or None outside of a request.
open_sessions: ContextVar[set[AsyncSession] | None] = ContextVar("open_sessions", default=None)


class WriteRefusedError(RuntimeError):
    """A write in a reading() block. It would be permanent at once, without a rollback."""

    def __init__(self) -> None:
        super().__init__("reading() does not write: open the session with writing().")


class BlockSession(Session):
    """The session of a block; its connection is the block's."""


class ReadOnlySession(BlockSession):
    """A session that refuses to flush and to run INSERT, UPDATE or DELETE."""


@event.listens_for(BlockSession, "after_begin")
def take_connection(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    if not transaction.nested:
        session.info["hold"].take(connection)


@event.listens_for(ReadOnlySession, "before_flush")
def refuse_flush(session: Session, context: Any, instances: Any) -> None:
    raise WriteRefusedError


@event.listens_for(ReadOnlySession, "do_orm_execute")
def before_execute(state: ORMExecuteState) -> None:
    if state.is_insert or state.is_update or state.is_delete:
        raise WriteRefusedError
    if state.execution_options.get("stream_results") or state.execution_options.get("yield_per"):
        # A streamed result needs a transaction.
        set_autocommit(state.session.connection(), False)


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


def writing(deadline: float | None = None) -> "SessionBlock":
    """A session in one transaction, for at most so many seconds (DATABASE_DEADLINE if not given).

    Raises:
        sqlalchemy.exc.SQLAlchemyError: no connection, or the database refused a statement or the commit, or the time is
            over.
    """
    return SessionBlock(BlockSession, AsyncSession.commit, Hold(autocommit=False, deadline=deadline))


def reading(deadline: float | None = None) -> "SessionBlock":
    """A session in AUTOCOMMIT (no transaction): each query sees the latest data, so two queries may see different data.

    It refuses a write through the ORM. It cannot refuse a write in text(), which is permanent at once. A result that
    is streamed (the option yield_per) opens a transaction until the end of the block. The deadline is as in writing().

    Raises:
        WriteRefusedError: the block tried to write, or left a changed object.
        sqlalchemy.exc.SQLAlchemyError: no connection, or the database refused a statement, or the time is over.
    """
    return SessionBlock(ReadOnlySession, AsyncSession.flush, Hold(autocommit=True, deadline=deadline))


@dataclass
class Hold:
    """How a block holds the connection of its session."""

    autocommit: bool
    deadline: float | None
    connection: Connection | None = None
    has_ended: bool = False

    def take(self, connection: Connection) -> None:
        """Set up the connection. Each block does, so there is nothing to reset at its end, which could fail."""
        if self.has_ended:
            connection.close()
            raise InvalidRequestError("The block of this session has ended: open another one.")
        self.connection = connection
        if self.autocommit:
            set_autocommit(connection, True)
        if self.deadline is not None:
            prolong(connection, self.deadline)

    def end(self) -> None:
        """Drop a connection that the session could not give back, because another task uses the session."""
        if self.connection and not self.connection.closed:
            self.connection.invalidate()


class SessionBlock:
    """The block of a session: it finishes the session's work where it succeeds, and closes the session at its end.

    It is a class and no generator: of two generators, one in the other, each would be closed by itself where both are
    left in the middle.
    """

    def __init__(self, kind: type[BlockSession], finish: Callable[[AsyncSession], Awaitable[None]], hold: Hold) -> None:
        self.session = AsyncSession(get_engine(), sync_session_class=kind, info={"hold": hold}, expire_on_commit=False)
        self.finish = finish
        self.hold = hold
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
                try:
                    if error is None:
                        await self.finish(self.session)
                finally:
                    self.hold.has_ended = True
        finally:
            self.known_to.discard(self.session)
            self.hold.end()


def set_autocommit(connection: Connection, value: bool) -> None:
    """Turn the driver's AUTOCOMMIT on or off, which takes no round trip."""
    dbapi_connection = connection.connection.dbapi_connection
    if dbapi_connection:
        dbapi_connection.autocommit = value


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
