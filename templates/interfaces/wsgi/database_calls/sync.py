"""How the web waits for the database besides its views."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from threading import Lock

from anyio import to_thread
from sqlmodel import Session

from app.database.sessions import close_left_open


class Probe:
    """One action at a time in a thread of its own, which does not wait behind the requests that it reports on."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="probe")
        self.asking = Lock()
        self.result: Future[None] | None = None

    def within(self, seconds: float, action: Callable[[], None]) -> None:
        """Wait for the action for at most this many seconds; where one is running, for that one.

        Raises:
            TimeoutError: it took longer. A thread cannot be stopped, so it is left to end by itself.
        """
        with self.asking:
            if self.result is None or self.result.done():
                self.result = self.thread.submit(copy_context().run, action)
            result = self.result
        result.result(seconds)


within = Probe().within


async def end_sessions(sessions: set[Session]) -> None:
    """Close the sessions that a request left open, in a thread, because closing one speaks with the database."""
    if sessions:
        await to_thread.run_sync(close_left_open, sessions)
