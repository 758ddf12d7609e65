"""One log line for each request, in the form that Cloud Logging shows as a request."""

import logging
import time
from http import HTTPStatus
from typing import Any

from app.database.connect_retry import Connects, connects
from app.logs import log_request, trace_fields, trace_of
from app.web.admission import send_problem
from app.web.problems import Problem

log = logging.getLogger(__name__)


class RequestLog:
    """ASGI middleware around the whole application: logs each request, and what the application could not answer.

    A request ends with the last byte of its answer, a WebSocket when it is closed.
    """

    def __init__(self, app: Any, project: str | None) -> None:
        self.app = app
        self.project = project

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        # Not reset at the end: each request is a task of its own, and the server may log its end.
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        trace_fields.set(trace_of(headers, self.project))
        connected = Connects()
        connects.set(connected)
        answer = Answer(scope, headers.get("user-agent", ""), connected)

        async def receive_and_note() -> Any:
            message = await receive()
            answer.note(message)
            return message

        async def send_and_note(message: Any) -> None:
            if message["type"] == "websocket.close" and answer.client_left:
                # A framework may close a socket that its client has closed; the server would take that for a mistake.
                return
            try:
                await send(message)
            except OSError:
                answer.client_left = True
                raise
            answer.note(message)

        try:
            await self.app(scope, receive_and_note, send_and_note)
        except Exception:
            if answer.has_begun and not answer.has_ended:
                # The server logs the error and cuts the connection, which tells the client that its answer is cut.
                raise
            log.exception("%s %s failed", answer.method, scope["path"])
            if not answer.has_begun:
                await send_problem(Problem.of(HTTPStatus.INTERNAL_SERVER_ERROR), scope, send_and_note)
        finally:
            answer.end()


class Answer:
    """How far the answer to a request is, and its log line when it has ended."""

    def __init__(self, scope: Any, user_agent: str, connected: Connects) -> None:
        self.method = scope.get("method", "GET")
        self.path = scope["path"]
        self.user_agent = user_agent
        self.connected = connected
        self.started = time.perf_counter()
        self.status = 0
        self.has_ended = False
        self.client_left = False

    @property
    def has_begun(self) -> bool:
        return self.status != 0

    def note(self, message: Any) -> None:
        match message["type"]:
            case "http.response.start" | "websocket.http.response.start":
                self.status = message["status"]
            case "websocket.accept":
                self.status = int(HTTPStatus.SWITCHING_PROTOCOLS)
            case "websocket.close" if not self.has_begun:
                # The server refuses a handshake so.
                self.status = int(HTTPStatus.FORBIDDEN)
            case "websocket.disconnect":
                self.client_left = True
            case "http.response.body" if not message.get("more_body"):
                self.end()

    def end(self) -> None:
        if not self.has_ended:
            self.has_ended = True
            seconds = time.perf_counter() - self.started
            log_request(self.method, self.path, self.status, self.user_agent, seconds, self.connected.fields())
