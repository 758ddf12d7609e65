"""How the web waits for the database besides its handlers."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.sessions import close_left_open


class Probe:
    """One action at a time, in a task of its own; who asks while it is running waits for the same one."""

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None

    async def within(self, seconds: float, action: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Wait for the action for at most this many seconds; where one is running, for that one.

        Raises:
            TimeoutError: it took longer. It goes on, and what it raises reaches who waits for it then.
        """
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(action())
            # Asked for, the exception is not reported as one that nobody waited for.
            self.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        with anyio.fail_after(seconds):
            await asyncio.shield(self.task)


within = Probe().within


async def end_sessions(sessions: set[AsyncSession]) -> None:
    """Close the sessions that a request left open."""
    if sessions:
        await close_left_open(sessions)
