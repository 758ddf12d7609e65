"""How the application waits for the database: in threads, one for each request at work."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from litestar import Litestar

from app.database.sessions import dispose_engine
from app.settings import get_settings


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    """Have a thread for each request at work, and close the connections at the end."""
    # Litestar runs sync handlers in the event loop's default executor.
    threads = ThreadPoolExecutor(get_settings().concurrency, thread_name_prefix="handler")
    asyncio.get_running_loop().set_default_executor(threads)
    yield
    dispose_engine()
