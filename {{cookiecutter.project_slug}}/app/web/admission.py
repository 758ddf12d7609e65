"""Admission: no more requests have a slot than there are connections, and the others wait for a bounded time."""

import asyncio
from typing import Any

import anyio

from app.database.sessions import open_sessions
from app.web.asgi import Refuse, send_problem
from app.web.database_calls import end_sessions
from app.web.problems import FULL

#: Answered at once, however busy the service is.
ALWAYS_ADMITTED = {"/health", "/ready"}


class Admission:
    """ASGI middleware: a request waits for a slot at most so many seconds, and is then answered 503.

    A request holds its slot until its answer is made as a whole, a WebSocket until it is closed. Background work
    after the answer has no slot, and OPTIONS needs none. The application of a framework may answer a refusal itself.
    """

    def __init__(self, app: Any, slots: asyncio.Semaphore, timeout: float, refuse: Refuse = send_problem) -> None:
        self.app = app
        self.slots = slots
        self.timeout = timeout
        self.refuse = refuse

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not needs_slot(scope):
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self.timeout):
                await self.slots.acquire()
        except TimeoutError:
            await self.refuse(FULL, scope, send)
            return
        slot = Slot(self.slots)

        async def send_and_release(message: Any) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body"):
                # The client may take its time to read it.
                slot.release()
            await send(message)

        sessions: set[Any] = set()
        token = open_sessions.set(sessions)
        try:
            await self.app(scope, receive, send_and_release)
        finally:
            open_sessions.reset(token)
            try:
                with anyio.CancelScope(shield=True):
                    await end_sessions(sessions)
            finally:
                slot.release()


def needs_slot(scope: Any) -> bool:
    if scope["type"] == "http":
        return scope["path"] not in ALWAYS_ADMITTED and scope["method"] != "OPTIONS"
    return bool(scope["type"] == "websocket")


class Slot:
    """One slot, which is given back once."""

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self.slots = slots
        self.held = True

    def release(self) -> None:
        if self.held:
            self.held = False
            self.slots.release()
