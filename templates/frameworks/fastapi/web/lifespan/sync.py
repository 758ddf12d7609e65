"""How the application waits for the database: in threads, one for each slot and some for background work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI

from app.database.sessions import dispose_engine
from app.settings import get_settings


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Have a thread for each slot, and close the connections at the end."""
    # The threads that there are without them are for background work, which has no slot.
    to_thread.current_default_thread_limiter().total_tokens += get_settings().concurrency
    yield
    dispose_engine()
