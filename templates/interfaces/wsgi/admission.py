"""Admission: no more requests at work than there are connections for, and a bounded wait for the rest."""

from collections.abc import Iterable
from contextlib import ExitStack
from http import HTTPStatus
from threading import BoundedSemaphore
from typing import Any

from werkzeug.wsgi import ClosingIterator

from app.concurrency import WAITING
from app.problems import Problem

#: Answered at once, however busy the service is.
ALWAYS_ADMITTED = {"/health", "/ready"}

#: Answers without a body, and so without its length.
EMPTY = {"204", "304"}

FULL = Problem.of(HTTPStatus.SERVICE_UNAVAILABLE, "The service is full; try again.")


class Admission:
    """WSGI middleware: this many requests at a time, each waiting at most so many seconds for its turn, then 503.

    Who waits holds a thread, so no more may wait than leave some for /health and /ready.
    """

    def __init__(self, app: Any, concurrency: int, seconds: float) -> None:
        self.app = app
        self.inside = BoundedSemaphore(concurrency + WAITING)
        self.places = BoundedSemaphore(concurrency)
        self.seconds = seconds

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        streams = False

        def note_length(line: str, headers: list[tuple[str, str]], *arguments: Any) -> Any:
            nonlocal streams
            streams = line[:3] not in EMPTY and not any(name.lower() == "content-length" for name, _ in headers)
            return start_response(line, headers, *arguments)

        with ExitStack() as held:
            if environ["PATH_INFO"] not in ALWAYS_ADMITTED:
                if not self.inside.acquire(blocking=False):
                    return send_problem(FULL, start_response)
                held.callback(self.inside.release)
                if not self.places.acquire(timeout=self.seconds):
                    return send_problem(FULL, start_response)
                held.callback(self.places.release)
            body: Iterable[bytes] = self.app(environ, note_length)
            # A body that is made while it is sent may read from the database until its end.
            return ClosingIterator(body, held.pop_all().close) if streams else body


def send_problem(problem: Problem, start_response: Any) -> list[bytes]:
    status = f"{problem.status} {problem.title}"
    start_response(status, [*problem.headers.items(), ("content-length", str(len(problem.body)))])
    return [problem.body]
