"""What is async in every Litestar service: it reads a body as a stream, and mounts an application, in no other way."""

from typing import Any

from litestar import Litestar, Request, Response, asgi, get, head, post
from litestar.types import Receive, Scope, Send


@post("/upload", status_code=200, request_max_body_size=None)
async def upload(request: Request[Any, Any, Any]) -> dict[str, int]:
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
    return {"bytes": received}


@head("/headed")
async def head_of_headed() -> Response[None]:
    return Response(None, headers={"x-answered-by": "HEAD"})


@get("/here")
async def here() -> dict[str, str]:
    return {"status": "ok"}


# With a configuration of its own, it would configure the log of the whole process again.
below = Litestar([here], logging_config=None)


@asgi("/below", is_mount=True, copy_scope=True)
async def mount(scope: Scope, receive: Receive, send: Send) -> None:
    await below(scope, receive, send)
