"""One log line for each request, in the form that Cloud Logging shows as a request."""

import logging
import time
from http import HTTPStatus
from typing import Any

from app.admission import send_problem
from app.logs import trace_fields, trace_of
from app.problems import Problem

log = logging.getLogger(__name__)

#: Asked every few seconds by Cloud Run; a line for each would bury the others.
QUIET = {"/health"}


class RequestLog:
    """ASGI middleware: logs each request with its status, and an error that nothing else handled as a 500."""

    def __init__(self, app: Any, project: str | None) -> None:
        self.app = app
        self.project = project

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        token = trace_fields.set(trace_of(headers, self.project))
        started = time.perf_counter()
        status = 0

        async def send_and_note(message: dict[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            if status:
                raise
            await send_problem(Problem.of(HTTPStatus.INTERNAL_SERVER_ERROR), send_and_note)
        finally:
            request = {
                "requestMethod": scope["method"],
                # Without the query, which may hold what no log should.
                "requestUrl": scope["path"],
                "status": status,
                "userAgent": headers.get("user-agent", ""),
                "latency": f"{time.perf_counter() - started:.6f}s",
            }
            level = logging.DEBUG if scope["path"] in QUIET else logging.INFO
            fields = {"httpRequest": request}
            log.log(level, "%s %s %d", scope["method"], scope["path"], status, extra={"fields": fields})
            trace_fields.reset(token)
