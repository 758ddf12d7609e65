"""One log line for each request, in the form that Cloud Logging shows as a request."""

import time
from collections.abc import Iterable
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any

from werkzeug.wsgi import ClosingIterator

from app.logs import log_request, trace_fields, trace_of

#: The headers that name a trace, as WSGI spells them.
TRACE_HEADERS = {"traceparent": "HTTP_TRACEPARENT", "x-cloud-trace-context": "HTTP_X_CLOUD_TRACE_CONTEXT"}


class RequestLog:
    """WSGI middleware: logs each request with its status, when the last of its answer has been sent."""

    def __init__(self, app: Any, project: str | None) -> None:
        self.app = app
        self.project = project

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        headers = {name: environ.get(variable, "") for name, variable in TRACE_HEADERS.items()}
        token = trace_fields.set(trace_of(headers, self.project))
        started = time.perf_counter()
        # What the server answers for an application that ends without an answer.
        status = int(HTTPStatus.INTERNAL_SERVER_ERROR)

        def note_status(line: str, *arguments: Any) -> Any:
            nonlocal status
            status = int(line.split()[0])
            return start_response(line, *arguments)

        def end() -> None:
            path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
            seconds = time.perf_counter() - started
            log_request(environ["REQUEST_METHOD"], path, status, environ.get("HTTP_USER_AGENT", ""), seconds)
            trace_fields.reset(token)

        with ExitStack() as held:
            held.callback(end)
            body = self.app(environ, note_status)
            return ClosingIterator(body, held.pop_all().close)
