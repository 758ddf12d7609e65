"""The limits of a request's body: its size, and the time in which it arrives."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from app.web.problems import Problem, Refuse, send_problem

TOO_LARGE = Problem.of(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
TOO_SLOW = Problem.of(HTTPStatus.REQUEST_TIMEOUT, "The body did not arrive in time.")
FULL = Problem.of(HTTPStatus.SERVICE_UNAVAILABLE, "The service is full; try again.")

#: Bytes that the bodies of all requests together may hold: an eighth of the memory in deploy/service.yaml.
LARGEST_SUM = 64 * 1024 * 1024


class Refused(Exception):
    """The body does not come to the application."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.title)
        self.problem = problem


class BodyLimits:
    """ASGI middleware: the body is there as a whole before the request is admitted, or it is refused.

    A body of more than so many bytes is answered 413, one that takes more than so many seconds 408. Paths that begin
    with one of those in `streamed` are left to their handlers, which read their bodies piece by piece. The application
    of a framework may answer a refusal itself.
    """

    def __init__(
        self, app: Any, size: int, timeout: float, streamed: Iterable[str] = (), refuse: Refuse = send_problem
    ) -> None:
        self.app = app
        self.size = size
        self.timeout = timeout
        self.streamed = tuple(streamed)
        self.refuse = refuse

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not has_body(scope) or scope["path"].startswith(self.streamed):
            await self.app(scope, receive, send)
            return
        body = Body(self)
        try:
            async with asyncio.timeout(self.timeout) as time:
                await body.read(scope, receive)
        except Refused as refused:
            body.forget()
            await self.answer(refused.problem, scope, receive, send, time.when())
        except TimeoutError:
            await self.answer(TOO_SLOW, scope, receive, send)
        else:
            if body.is_whole:
                await self.app(scope, body.replay(receive), send)
        finally:
            body.forget()

    async def answer(self, problem: Problem, scope: Any, receive: Any, send: Any, until: float | None = None) -> None:
        """Refuse a request, and read the rest of its body until then: a client that is still sending hears it so."""

        async def send_unended(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            else:
                message = {**message, "more_body": True}
            await send(message)

        await self.refuse(problem, scope, send_unended)
        if until is not None and not expects_to_continue(scope):
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    while (await receive()).get("more_body"):
                        pass
        await send({"type": "http.response.body"})


class Memory:
    """The bytes that the bodies of all requests hold."""

    def __init__(self) -> None:
        self.used = 0


memory = Memory()


class Body:
    """The body of one request, as it arrives."""

    def __init__(self, limits: BodyLimits) -> None:
        self.limits = limits
        self.chunks: list[bytes] = []
        self.size = 0
        self.is_whole = False

    async def read(self, scope: Any, receive: Any) -> None:
        """Read the body as a whole, or until the client leaves.

        Raises:
            Refused: it is too large, or there are too many others.
        """
        if declared_size(scope) > self.limits.size:
            raise Refused(TOO_LARGE)
        while not self.is_whole:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            self.add(message.get("body", b""))
            self.is_whole = not message.get("more_body", False)

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        memory.used += len(chunk)
        if self.size > self.limits.size:
            raise Refused(TOO_LARGE)
        if memory.used > max(LARGEST_SUM, self.limits.size):
            raise Refused(FULL)
        self.chunks.append(chunk)

    def replay(self, receive: Any) -> Any:
        """A receive() that gives the body in one piece."""
        messages = [{"type": "http.request", "body": b"".join(self.chunks), "more_body": False}]
        self.chunks.clear()

        async def receive_whole() -> Any:
            return messages.pop() if messages else await receive()

        return receive_whole

    def forget(self) -> None:
        self.chunks.clear()
        memory.used -= self.size
        self.size = 0


def has_body(scope: Any) -> bool:
    return any(name in {b"content-length", b"transfer-encoding"} for name, _ in scope["headers"])


def declared_size(scope: Any) -> int:
    """What Content-Length says, of which the server has made sure that it is a number."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)


def expects_to_continue(scope: Any) -> bool:
    """Whether the client sends its body only after it was told to go on."""
    return any(name == b"expect" for name, _ in scope["headers"])
