"""How the web waits for the database besides its handlers."""

from collections.abc import Awaitable, Callable

import anyio
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.sessions import close_left_open


async def within(seconds: float, action: Callable[[], Awaitable[None]]) -> None:
    """Await the action for at most this many seconds.

    Raises:
        TimeoutError: it took longer and was cancelled.
    """
    with anyio.fail_after(seconds):
        await action()


async def end_sessions(sessions: set[AsyncSession]) -> None:
    """Close the sessions that a request left open."""
    if sessions:
        await close_left_open(sessions)
