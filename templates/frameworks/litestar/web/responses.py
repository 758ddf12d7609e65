"""The answers that handlers of different resources share."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, TypeVar

from anyio import to_thread
from litestar import Request, Response
from litestar.enums import HttpMethod
from litestar.exceptions import NotFoundException
from litestar.openapi import ResponseSpec
from litestar.response import Stream
from litestar.routes import HTTPRoute

from app.web.problems import Problem

Row = TypeVar("Row")

#: For a handler's responses: how the OpenAPI document describes an error. 422 and 503 are there for every handler.
Responses = dict[int, ResponseSpec]

NOT_FOUND: Responses = {HTTPStatus.NOT_FOUND: ResponseSpec(Problem, description="There is no such row")}
CONFLICT: Responses = {HTTPStatus.CONFLICT: ResponseSpec(Problem, description="It contradicts what is already stored")}


def or_404(row: Row | None, name: str, key: object) -> Row:
    """The row.

    Raises:
        NotFoundException: there is no row.
    """
    if row is None:
        raise not_found(name, key)
    return row


def not_found(name: str, key: object) -> NotFoundException:
    return NotFoundException(f"There is no {name} {key}.")


async def answer_options(request: Request[Any, Any, Any]) -> Response[None] | None:
    """Answer OPTIONS with the methods that the path takes; Litestar's own answer names those of one handler."""
    # Async, although it awaits nothing: a plain function would wait for a thread, and /health with it.
    if request.method != HttpMethod.OPTIONS:
        return None
    routes = [route for route in request.app.routes if isinstance(route, HTTPRoute)]
    here = [route for route in routes if route.path_format == request.scope["path_template"]]
    methods = {method for route in here for method in route.methods}
    return Response(None, status_code=HTTPStatus.NO_CONTENT, headers={"allow": ", ".join(sorted(methods))})


async def stream_in_threads(response: Response[Any]) -> Response[Any]:
    """Let a sync stream finish its chunk when the client goes away; Litestar would leave its thread running."""
    if isinstance(response, Stream):
        chunks = response.iterator() if callable(response.iterator) else response.iterator
        response.iterator = ChunksInThreads(chunks) if isinstance(chunks, Iterator) else chunks
    return response


class ChunksInThreads:
    """Make each chunk in a thread, and wait for it even when cancelled: its session is in use until then."""

    def __init__(self, chunks: Iterator[str | bytes]) -> None:
        self.chunks = chunks

    def __aiter__(self) -> "ChunksInThreads":
        return self

    async def __anext__(self) -> str | bytes:
        chunk = await to_thread.run_sync(next, self.chunks, None)
        if chunk is None:
            raise StopAsyncIteration
        return chunk
