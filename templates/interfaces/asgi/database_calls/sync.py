"""Ask the database for at most so many seconds, whoever else waits for it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context

import anyio


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
        with anyio.fail_after(seconds):
            await asyncio.shield(asyncio.wrap_future(self.result))


within = Probe().within
