"""One log line for each request, in the form that Cloud Logging shows as a request."""

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from http import HTTPStatus
from itertools import chain, islice
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from app.database.connect_retry import Connects, connects
from app.logs import log_request, trace_fields, trace_of
from app.web.admission import Body, close
from app.web.problems import Problem, database_problem

log = logging.getLogger(__name__)

#: The headers that name a trace, as WSGI spells them.
TRACE_HEADERS = {"traceparent": "HTTP_TRACEPARENT", "x-cloud-trace-context": "HTTP_X_CLOUD_TRACE_CONTEXT"}


class RequestLog:
    """WSGI middleware around the whole application: logs each request, and what the application could not answer.

    A request ends with the last byte of its answer.
    """

    def __init__(self, app: Any, project: str | None) -> None:
        self.app = app
        self.project = project

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # Not reset at the end, when the server may still log an error: app/__main__.py does it.
        headers = {name: environ.get(variable, "") for name, variable in TRACE_HEADERS.items()}
        trace_fields.set(trace_of(headers, self.project))
        connected = Connects()
        connects.set(connected)
        line = RequestLine(environ, connected)
        try:
            answer = Answer(self.app, environ)
        except Exception as error:
            answer = Answer(response_to(error, f"{line.method} {line.path}"), environ)
        line.status = answer.status
        body = Body(answer, line.end)
        with ExitStack() as unfinished:
            unfinished.callback(body.close)
            start_response(answer.start, answer.headers)
            unfinished.pop_all()
        return body


class RequestLine:
    """The log line of a request, which is written once."""

    def __init__(self, environ: dict[str, Any], connected: Connects) -> None:
        self.method: str = environ["REQUEST_METHOD"]
        self.path: str = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
        self.user_agent: str = environ.get("HTTP_USER_AGENT", "")
        self.connected = connected
        self.started = time.perf_counter()
        self.status = 0
        self.has_ended = False

    def end(self) -> None:
        if not self.has_ended:
            self.has_ended = True
            seconds = time.perf_counter() - self.started
            log_request(self.method, self.path, self.status, self.user_agent, seconds, self.connected.fields())


class Answer:
    """An application's answer up to its first chunk. Nothing of it is sent yet, so another can take its place."""

    def __init__(self, app: Any, environ: dict[str, Any]) -> None:
        self.body: Iterable[bytes] = app(environ, self.note_start)
        self.chunks = iter(self.body)
        with ExitStack() as unfinished:
            unfinished.callback(self.close)
            self.first = list(islice(self.chunks, 1))
            unfinished.pop_all()

    def note_start(self, start: str, headers: list[tuple[str, str]], *error: Any) -> None:
        self.start = start
        self.headers = headers

    @property
    def status(self) -> int:
        return int(self.start.split()[0])

    def __iter__(self) -> Iterator[bytes]:
        return chain(self.first, self.chunks)

    def close(self) -> None:
        close(self.body)


def response_to(error: Exception, request: str) -> Response:
    """Log an error that Flask does not see, as one before the first chunk of a stream, and answer it."""
    if isinstance(error, SQLAlchemyError):
        problem = database_problem(error, request)
    else:
        log.error("%s failed", request, exc_info=error)
        problem = Problem.of(HTTPStatus.INTERNAL_SERVER_ERROR)
    return Response(problem.body, problem.status, problem.headers)
