"""How the application waits for the database: in threads, one for each request at work."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import copy_context

from anyio import to_thread
from fastapi import FastAPI

from app.database.sessions import dispose_engine
from app.settings import get_settings


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Have a thread for each request at work, and close the connections at the end."""
    to_thread.current_default_thread_limiter().total_tokens = get_settings().concurrency
    yield
    dispose_engine()


class Probe:
    """One action at a time in a thread of its own, which does not wait behind the requests it reports on."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="probe")
        self.result: Future[None] | None = None

    async def within(self, seconds: float, action: Callable[[], None]) -> None:
        """Wait for the action for at most so many seconds, for the one under way where there is one.

        Raises:
            TimeoutError: it took longer. A thread cannot be stopped, so it is left to end by itself.
        """
        if self.result is None or self.result.done():
            self.result = self.thread.submit(copy_context().run, action)
        async with asyncio.timeout(seconds):
            await asyncio.shield(asyncio.wrap_future(self.result))


within = Probe().within
