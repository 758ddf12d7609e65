"""Admission: no more requests have a slot than there are connections, and the others wait for a bounded time."""

import asyncio
from http import HTTPStatus
from typing import Any

import anyio

from app.database.sessions import open_sessions
from app.web.database_calls import end_sessions
from app.web.problems import Problem

#: Answered at once, however busy the service is.
ALWAYS_ADMITTED = {"/health", "/ready"}

FULL = Problem.of(HTTPStatus.SERVICE_UNAVAILABLE, "The service is full; try again.")


class Admission:
    """ASGI middleware: a request waits for a slot at most so many seconds, and is then answered 503.

    A request holds its slot until the last byte of its answer is sent, a WebSocket until it is closed. Background
    work after the answer has no slot.
    """

    def __init__(self, app: Any, slots: asyncio.Semaphore, timeout: float) -> None:
        self.app = app
        self.slots = slots
        self.timeout = timeout

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in {"http", "websocket"} or scope["path"] in ALWAYS_ADMITTED:
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self.timeout):
                await self.slots.acquire()
        except TimeoutError:
            await send_problem(FULL, scope, send)
            return
        slot = Slot(self.slots)

        async def send_and_release(message: Any) -> None:
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                slot.release()

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


class Slot:
    """One slot, which is given back once."""

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self.slots = slots
        self.held = True

    def release(self) -> None:
        if self.held:
            self.held = False
            self.slots.release()


async def send_problem(problem: Problem, scope: Any, send: Any) -> None:
    """Answer a request; to a WebSocket that is not accepted yet, the same answer where the server can send one."""
    kind = "http" if scope["type"] == "http" else "websocket.http"
    if kind == "websocket.http" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    headers = [(name.encode(), value.encode()) for name, value in problem.headers.items()]
    headers.append((b"content-length", str(len(problem.body)).encode()))
    await send({"type": f"{kind}.response.start", "status": problem.status, "headers": headers})
    await send({"type": f"{kind}.response.body", "body": problem.body})
