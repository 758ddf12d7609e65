"""How Flask is served: its requests run in threads, from the start of the process to its end."""

import io
from collections.abc import Callable, Iterable
from contextvars import copy_context
from typing import Any, TypeVar

import anyio
from anyio import CapacityLimiter, to_thread
from flask import Flask, abort, request
from sqlalchemy.exc import SQLAlchemyError

from app.database.sessions import dispose_engine
from app.web.admission import ALWAYS_ADMITTED, needs_slot
from app.web.asgi import send_problem
from app.web.bodies import Input, environ_of
from app.web.connections import OUTCOME, Outcome
from app.web.problems import Problem, database_problem

Result = TypeVar("Result")

#: Threads for what needs no slot: so many for /health, so many for /ready, and so many for all the rest together.
SPARE_THREADS = 4

#: Bytes up to which an answer that says its length is made as a whole before it is sent.
LARGEST_WHOLE = 1024 * 1024

#: Where a request says why it is refused.
REFUSAL = "app.refusal"


def close() -> None:
    """Close the connections; the place for what else your service has to close."""
    dispose_engine()


class Threads:
    """An ASGI application that runs a WSGI application in threads.

    A request has a thread while its view runs or makes a piece of its answer, not while its client sends or reads.
    There is a thread for each slot, so that no admitted request waits for one.
    """

    def __init__(self, app: Flask, slots: int) -> None:
        app.before_request(raise_refusal)
        self.app = app
        self.admitted = CapacityLimiter(slots)
        self.always_admitted = {path: CapacityLimiter(SPARE_THREADS) for path in ALWAYS_ADMITTED}
        self.others = CapacityLimiter(SPARE_THREADS)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        match scope["type"]:
            case "lifespan":
                await live(receive, send)
            case "websocket":
                await send({"type": "websocket.close"})
            case _ if needs_slot(scope):
                await Exchange(self.app, scope, self.admitted).run(receive, send)
            case _:
                limiter = self.always_admitted.get(scope["path"], self.others)
                await Exchange(self.app, scope, limiter).run(receive, send)

    async def refuse(self, problem: Problem, scope: Any, send: Any) -> None:
        """Let Flask answer a request that does not come to its view, so that extensions see the refusal."""
        await Exchange(self.app, scope, self.others, problem).run(nothing, send)


def raise_refusal() -> None:
    """A hook before the view."""
    problem = request.environ.get(REFUSAL)
    if problem:
        abort(problem.status, problem.detail)


async def live(receive: Any, send: Any) -> None:
    """Close at the end what the process has opened."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await to_thread.run_sync(close)
    await send({"type": "lifespan.shutdown.complete"})


async def nothing() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}


class Exchange:
    """A request and its answer, as WSGI sees them."""

    def __init__(self, app: Flask, scope: Any, limiter: CapacityLimiter, refusal: Problem | None = None) -> None:
        self.app = app
        self.scope = scope
        self.limiter = limiter
        self.environ = environ_of(scope) | {REFUSAL: refusal}
        # One context for all threads: a stream leaves at its end what it entered at its beginning.
        self.context = copy_context()
        self.outcome: Outcome = scope["state"].get(OUTCOME, Outcome())
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body: Iterable[bytes] = ()

    async def in_thread(self, function: Callable[..., Result], *arguments: Any) -> Result:
        return await to_thread.run_sync(self.context.run, function, *arguments, limiter=self.limiter)

    async def run(self, receive: Any, send: Any) -> None:
        # Waits for the first piece of a streamed upload without a thread.
        self.environ["wsgi.input"] = io.BufferedReader(Input(await receive(), receive))
        try:
            try:
                chunk, is_last = await self.in_thread(self.begin)
            except SQLAlchemyError as error:
                # Flask does not see an error before the first piece of a stream.
                problem = database_problem(error, f"{self.scope['method']} {self.scope['path']}")
                await send_problem(problem, self.scope, send)
                return
            await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
            if is_last:
                await send({"type": "http.response.body", "body": chunk})
            else:
                await self.stream(chunk, send)
        finally:
            if self.body:
                with anyio.CancelScope(shield=True):
                    await self.in_thread(self.close)

    async def stream(self, chunk: bytes | None, send: Any) -> None:
        """Send piece by piece, until the end or until the client leaves."""
        while chunk is not None and not self.outcome.client_left:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            chunk = await self.in_thread(next, self.chunks, None)
        await send({"type": "http.response.body"})

    def begin(self) -> tuple[bytes | None, bool]:
        """Call the application: the first piece of its answer, and whether it is the only one."""
        self.body = self.app(self.environ, self.start_response)
        self.chunks = iter(self.body)
        if self.length() <= LARGEST_WHOLE:
            whole = b"".join(self.chunks)
            self.close()
            return whole, True
        return next(self.chunks, None), False

    def start_response(self, status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], None]:
        self.status = int(status.split()[0])
        lower = [(name.lower(), value) for name, value in headers]
        # The server writes the date itself.
        self.headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in lower if name != "date"]
        return refuse_to_write

    def length(self) -> float:
        """The bytes of the answer; infinite where it does not say."""
        return next((int(value) for name, value in self.headers if name == b"content-length"), float("inf"))

    def close(self) -> None:
        body, self.body = self.body, ()
        if hasattr(body, "close"):
            body.close()


def refuse_to_write(chunk: bytes) -> None:
    raise NotImplementedError("WSGI's write() is not there: let the application return an iterable.")
