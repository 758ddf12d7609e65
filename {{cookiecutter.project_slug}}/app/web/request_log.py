"""One log line for each request, in the form that Cloud Logging shows as a request."""

import logging
import time
from http import HTTPStatus
from typing import Any

from app.database.connect_retry import Connects, connects
from app.logs import log_request, trace_fields
from app.web.asgi import send_problem
from app.web.connections import OUTCOME, Outcome
from app.web.problems import Problem
from app.web.trace import trace_of

log = logging.getLogger(__name__)

ENDS = Problem.of(HTTPStatus.SERVICE_UNAVAILABLE, "The service ends; try again.")


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
        trace_fields.set(trace_of(scope["headers"], self.project))
        connected = Connects()
        connects.set(connected)
        answer = Answer(scope, receive, send, user_agent_of(scope), connected)
        # A copy: what a framework keeps in the state, the server would keep as long as the connection.
        scope = {**scope, "state": dict(scope["state"])}
        try:
            await self.app(scope, answer.receive, answer.send)
        except Exception:
            if answer.is_cut:
                return
            if answer.has_begun and not answer.has_ended:
                # The server logs the error and cuts the connection, which tells the client that its answer is cut.
                raise
            log.exception("%s %s failed", answer.method, scope["path"])
            if not answer.has_begun:
                await send_problem(Problem.of(HTTPStatus.INTERNAL_SERVER_ERROR), scope, answer.send)
        finally:
            answer.end()


class Answer:
    """How far the answer to a request is, and its log line when it has ended."""

    def __init__(self, scope: Any, receive: Any, send: Any, user_agent: str, connected: Connects) -> None:
        self.scope = scope
        self.receive_from_server = receive
        self.send_to_server = send
        #: Where the server says how the request has ended without the application.
        self.outcome: Outcome = scope["state"].setdefault(OUTCOME, Outcome())
        self.method = scope.get("method", "GET")
        self.path = scope["path"]
        self.user_agent = user_agent
        self.connected = connected
        self.started = time.perf_counter()
        self.status = 0
        self.has_ended = False
        #: Whether the server ends before the application has answered.
        self.is_cut = False
        open_answers.add(self)

    @property
    def has_begun(self) -> bool:
        return self.status != 0

    async def receive(self) -> Any:
        message = await self.receive_from_server()
        if message["type"] == "websocket.disconnect":
            self.outcome.client_left = True
        return message

    async def send(self, message: Any) -> None:
        if self.is_cut:
            raise OSError("The service ends.")
        if message["type"] == "websocket.close" and self.outcome.client_left:
            # A framework may close a socket that its client has closed; the server would take that for a mistake.
            return
        try:
            await self.send_to_server(message)
        except OSError:
            self.outcome.client_left = True
            raise
        self.note(message)

    def note(self, message: Any) -> None:
        match message["type"]:
            case "http.response.start" if self.outcome.status:
                # The server did not send it.
                self.status = self.outcome.status
            case "http.response.start" | "websocket.http.response.start":
                self.status = message["status"]
            case "websocket.accept":
                self.status = int(HTTPStatus.SWITCHING_PROTOCOLS)
            case "websocket.close" if not self.has_begun:
                # The server refuses a handshake so.
                self.status = int(HTTPStatus.FORBIDDEN)
            case "http.response.body" if not message.get("more_body"):
                self.end()

    def end(self) -> None:
        if not self.has_ended:
            self.has_ended = True
            open_answers.discard(self)
            status = self.status or self.outcome.status
            seconds = time.perf_counter() - self.started
            log_request(self.method, self.path, status, self.user_agent, seconds, self.connected.fields())

    async def cut_off(self) -> None:
        """Answer 503 in the place of the application. An answer that has begun stays as it is."""
        if not self.has_begun and self.scope["type"] == "http":
            await send_problem(ENDS, self.scope, self.send)
        self.is_cut = True
        self.end()


def user_agent_of(scope: Any) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"user-agent"), "")


open_answers: set[Answer] = set()


async def cut_off_all() -> int:
    """Answer the requests that are not answered yet, and say how many there were."""
    unfinished = list(open_answers)
    for answer in unfinished:
        await answer.cut_off()
    return len(unfinished)
