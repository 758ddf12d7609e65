"""What the middleware of this service shares."""

from collections.abc import Awaitable, Callable
from typing import Any

from app.web.problems import Problem

#: Answers a request (its scope and send) with a problem.
Refuse = Callable[[Problem, Any, Any], Awaitable[None]]


async def send_problem(problem: Problem, scope: Any, send: Any) -> None:
    """Answer a request; to a WebSocket that is not accepted yet, the same answer where the server can send one."""
    kind = "http" if scope["type"] == "http" else "websocket.http"
    if kind == "websocket.http" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    headers = [(name.encode(), value.encode()) for name, value in problem.headers.items()]
    headers.append((b"content-length", str(len(problem.body)).encode()))
    await send({"type": f"{kind}.response.start", "status": problem.status, "headers": headers})
    await send({"type": f"{kind}.response.body", "body": problem.body})


def replay(body: bytes, receive: Any) -> Any:
    """A receive() that gives the body in one piece, and then what comes after it."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_whole() -> Any:
        return messages.pop() if messages else await receive()

    return receive_whole
