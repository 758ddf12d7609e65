"""Admission: no more requests at work than there are connections for, and a bounded wait for the rest."""

import asyncio
from http import HTTPStatus
from typing import Any

from app.problems import Problem

#: Answered at once, however busy the service is.
ALWAYS_ADMITTED = {"/health", "/ready"}


class Admission:
    """ASGI middleware: this many requests at a time, each waiting at most so many seconds for its turn, then 503."""

    def __init__(self, app: Any, concurrency: int, seconds: float) -> None:
        self.app = app
        self.places = asyncio.Semaphore(concurrency)
        self.seconds = seconds

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] in ALWAYS_ADMITTED:
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self.seconds):
                await self.places.acquire()
        except TimeoutError:
            await send_problem(Problem.of(HTTPStatus.SERVICE_UNAVAILABLE, "The service is full; try again."), send)
            return
        try:
            await self.app(scope, receive, send)
        finally:
            self.places.release()


async def send_problem(problem: Problem, send: Any) -> None:
    headers = [(name.encode(), value.encode()) for name, value in problem.headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": problem.body})
