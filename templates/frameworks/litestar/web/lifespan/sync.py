"""How the application waits for the database: in threads."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from anyio import to_thread
from litestar import Litestar

from app.database.sessions import dispose_engine
from app.settings import get_settings

#: Threads for background work, which has no slot: without them it would take those of requests.
BACKGROUND_THREADS = 40


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    """Have a thread for each slot, and close the connections at the end."""
    concurrency = get_settings().concurrency
    # Litestar runs sync handlers and sync background work in the event loop's default executor.
    threads = ThreadPoolExecutor(concurrency + BACKGROUND_THREADS, thread_name_prefix="handler")
    asyncio.get_running_loop().set_default_executor(threads)
    # Streams and the ends of sessions have AnyIO's threads.
    to_thread.current_default_thread_limiter().total_tokens += concurrency
    yield
    dispose_engine()
