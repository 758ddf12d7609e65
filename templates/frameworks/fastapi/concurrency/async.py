"""How the application waits for the database: it awaits, on the one thread of the event loop."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
from fastapi import FastAPI

from app.database.sessions import dispose_engine


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Close the connections at the end."""
    yield
    await dispose_engine()


async def within(seconds: float, action: Callable[[], Awaitable[None]]) -> None:
    """Await the action for at most so many seconds.

    Raises:
        TimeoutError: it took longer and was cancelled.
    """
    with anyio.fail_after(seconds):
        await action()
