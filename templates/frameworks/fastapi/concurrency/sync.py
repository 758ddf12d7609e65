"""How the application waits for the database: in threads, one for each request at work."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from anyio import to_thread
from fastapi import FastAPI

from app.database.sessions import dispose_engine
from app.settings import get_settings

#: Threads kept free for /ready, which must not wait behind the requests it reports on.
SPARE_THREADS = 2


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Have a thread for each request at work, and close the connections at the end."""
    to_thread.current_default_thread_limiter().total_tokens = get_settings().concurrency + SPARE_THREADS
    yield
    dispose_engine()


async def within(seconds: float, action: Callable[[], None]) -> None:
    """Wait for the action in a thread for at most so many seconds.

    Raises:
        TimeoutError: it took longer. A thread cannot be stopped, so it is left to end by itself.
    """
    with anyio.fail_after(seconds):
        await to_thread.run_sync(action, abandon_on_cancel=True)
