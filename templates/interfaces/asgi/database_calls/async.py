"""Ask the database for at most so many seconds, whoever else waits for it."""

from collections.abc import Awaitable, Callable

import anyio


async def within(seconds: float, action: Callable[[], Awaitable[None]]) -> None:
    """Await the action for at most so many seconds.

    Raises:
        TimeoutError: it took longer and was cancelled.
    """
    with anyio.fail_after(seconds):
        await action()
