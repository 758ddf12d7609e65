"""One log line for each request, in the form that Cloud Logging shows as a request."""

import logging
import time
from http import HTTPStatus
from typing import Any

from app.admission import send_problem
from app.logs import log_request, trace_fields, trace_of
from app.problems import Problem

log = logging.getLogger(__name__)


class RequestLog:
    """ASGI middleware: logs each request with its status, and an error that nothing else handled as a 500."""

    def __init__(self, app: Any, project: str | None) -> None:
        self.app = app
        self.project = project

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
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
            seconds = time.perf_counter() - started
            log_request(scope["method"], scope["path"], status, headers.get("user-agent", ""), seconds)
            trace_fields.reset(token)
