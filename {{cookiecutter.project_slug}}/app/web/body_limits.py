"""The limits of a request's body: its size, and the time in which it arrives."""

import asyncio
import mmap
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from app.web.asgi import Refuse, replay, send_problem
from app.web.problems import FULL, Problem

#: Paths whose handlers, also those of all paths below them, read bodies piece by piece, without these limits:
#: STREAMED.add("/files").
STREAMED: set[str] = set()

TOO_LARGE = Problem.of(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
TOO_SLOW = Problem.of(HTTPStatus.REQUEST_TIMEOUT, "The body did not arrive in time.")

#: Bytes that the bodies of all requests together may hold: an eighth of the memory in deploy/service.yaml.
LARGEST_SUM = 64 * 1024 * 1024

#: Bytes from which a body is large. JSON takes up to 25 times as much as an object of Python: 25 MB for 1 MiB of "{},".
LARGE = 64 * 1024

#: Large bodies that the application has at the same time; the others wait.
LARGE_AT_ONCE = 4


class Refused(Exception):
    """The body does not come to the application."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.title)
        self.problem = problem


class BodyLimits:
    """ASGI middleware: the body is there as a whole before the request is admitted, or it is refused.

    A body of more than so many bytes is answered 413, one that takes more than so many seconds 408. A framework may
    give its own function to refuse with.
    """

    def __init__(self, app: Any, size: int, timeout: float, refuse: Refuse = send_problem) -> None:
        self.app = app
        self.size = size
        self.timeout = timeout
        self.refuse = refuse

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not has_body(scope) or is_streamed(scope["path"]):
            await self.app(scope, receive, send)
            return
        body = Body(self.size)
        try:
            async with asyncio.timeout(self.timeout) as time:
                await body.read(scope, receive)
        except Refused as refused:
            body.forget()
            await self.answer(refused.problem, scope, receive, send, time.when())
        except TimeoutError:
            body.forget()
            await self.answer(TOO_SLOW, scope, receive, send)
        else:
            if body.is_whole:
                await self.pass_on(body, scope, receive, send)
        finally:
            body.forget()

    async def pass_on(self, body: "Body", scope: Any, receive: Any, send: Any) -> None:
        if body.size <= LARGE:
            await self.app(scope, body.replay(receive), send)
            return
        try:
            async with asyncio.timeout(self.timeout):
                await memory.turns.acquire()
        except TimeoutError:
            await self.refuse(FULL, scope, send)
            return
        try:
            await self.app(scope, body.replay(receive), send)
        finally:
            memory.turns.release()

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
    """What the bodies of all requests together take."""

    def __init__(self) -> None:
        self.used = 0
        self.turns = asyncio.Semaphore(LARGE_AT_ONCE)


memory = Memory()


class Body:
    """The body of one request, as it arrives."""

    def __init__(self, largest: int) -> None:
        self.largest = largest
        self.size = 0
        self.is_whole = False
        self.only = b""
        # The memory of many pieces would not go back to the system; that of a map does at once.
        self.pieces: mmap.mmap | None = None

    async def read(self, scope: Any, receive: Any) -> None:
        """Read the body as a whole, or until the client leaves.

        Raises:
            Refused: it is too large, or there are too many others.
        """
        if declared_size(scope) > self.largest:
            raise Refused(TOO_LARGE)
        while not self.is_whole:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            self.is_whole = not message.get("more_body", False)
            self.add(message.get("body", b""))

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        memory.used += len(piece)
        if self.size > self.largest:
            raise Refused(TOO_LARGE)
        if memory.used > max(LARGEST_SUM, self.largest):
            raise Refused(FULL)
        if self.is_whole and self.size == len(piece):
            self.only = piece
            return
        if self.pieces is None:
            self.pieces = mmap.mmap(-1, max(self.largest, 1))
        self.pieces.write(piece)

    def replay(self, receive: Any) -> Any:
        """A receive() that gives the body in one piece."""
        whole = self.pieces[: self.size] if self.pieces else self.only
        self.let_go()
        return replay(whole, receive)

    def let_go(self) -> None:
        self.only = b""
        if self.pieces is not None:
            self.pieces.close()
            self.pieces = None

    def forget(self) -> None:
        """The request has ended, and its body takes no memory."""
        self.let_go()
        memory.used -= self.size
        self.size = 0


def is_streamed(path: str) -> bool:
    return any(path == streamed or path.startswith(f"{streamed}/") for streamed in STREAMED)


def has_body(scope: Any) -> bool:
    return any(name in {b"content-length", b"transfer-encoding"} for name, _ in scope["headers"])


def declared_size(scope: Any) -> int:
    """What Content-Length says, of which the server has made sure that it is a number."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)


def expects_to_continue(scope: Any) -> bool:
    """Whether the client sends its body only after it was told to go on."""
    return any(name == b"expect" for name, _ in scope["headers"])
