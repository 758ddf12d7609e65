"""How the application waits for the database: it awaits, on the one thread of the event loop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar

from app.database.sessions import dispose_engine


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    """Close the connections at the end."""
    yield
    await dispose_engine()
