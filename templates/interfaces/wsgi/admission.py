"""Admission: no more requests have a slot than there are connections, and the others wait for a bounded time."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from http import HTTPStatus
from threading import BoundedSemaphore
from typing import Any, NoReturn

from flask import Flask, Response, abort, request

from app.web.lifespan import WAITING

#: Answered at once, however busy the service is.
ALWAYS_ADMITTED = {"/health", "/ready"}

#: Where a request keeps what it holds, and whether its answer is streamed.
HELD, STREAMS = "app.admission.held", "app.admission.streams"


class Admission:
    """An extension of Flask: a request waits for a slot at most so many seconds, and is then answered 503.

    It waits in a hook before its view, so that the error handlers and the hooks of other extensions see the 503. It
    holds its slot until its view has answered. A streamed answer (one that says no Content-Length) may read from the
    database while it is sent, so it holds the slot until its last chunk. What calls no view needs no slot: a preflight
    of CORS, or a path that does not exist.
    """

    def __init__(self, app: Flask, slots: int, timeout: float) -> None:
        # Who waits holds a thread: no more may wait than leave some for /health and /ready.
        self.entries = BoundedSemaphore(slots + WAITING)
        self.slots = BoundedSemaphore(slots)
        self.timeout = timeout
        self.app = app.wsgi_app
        app.wsgi_app = self  # type: ignore[method-assign]
        app.before_request(self.admit)
        app.after_request(self.note_stream)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Give back what the request holds, whatever fails in it: Flask skips hooks after one that failed."""
        with ExitStack() as held:
            environ |= {HELD: held, STREAMS: False}
            body = self.app(environ, start_response)
            return Body(body, held.pop_all().close) if environ[STREAMS] else body

    def admit(self) -> None:
        rule = request.url_rule
        if rule is None or rule.rule in ALWAYS_ADMITTED or request.method == "OPTIONS":
            return
        # A test_request_context() of a test does not come through __call__().
        held = request.environ.get(HELD)
        if held is None:
            return
        if not self.entries.acquire(blocking=False):
            refuse()
        held.callback(self.entries.release)
        if not self.slots.acquire(timeout=self.timeout):
            refuse()
        held.callback(self.slots.release)

    def note_stream(self, response: Response) -> Response:
        request.environ[STREAMS] = response.is_streamed and response.content_length is None
        return response


def refuse() -> NoReturn:
    abort(HTTPStatus.SERVICE_UNAVAILABLE, "The service is full; try again.")


class Body:
    """The body of an answer. It calls end() after the last chunk, and when the server closes it, maybe before that."""

    def __init__(self, body: Iterable[bytes], end: Callable[[], None]) -> None:
        self.body = body
        self.chunks = iter(body)
        self.end = end

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self.chunks)
        except BaseException:
            self.end()
            raise

    def close(self) -> None:
        try:
            close(self.body)
        finally:
            self.end()


def close(body: Iterable[bytes]) -> None:
    """Close a body that can be closed."""
    if hasattr(body, "close"):
        body.close()
