"""What Cloud Run's front end tells about a request, and HEAD, which is answered like GET."""

from typing import Any

import anyio.lowlevel

SCHEMES = {"http": {"http", "https"}, "websocket": {"ws", "wss"}}


class FrontEnd:
    """ASGI middleware around the whole application.

    Every request comes through the front end. It ends TLS and says in X-Forwarded-Proto which scheme the client used;
    the URLs that the service makes begin with this scheme. It appends the client's address to X-Forwarded-For. The
    client may invent all addresses but the last one.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        scope = {**scope, **forwarded(scope)}
        if scope.get("method") != "HEAD":
            await self.app(scope, receive, send)
            return

        with anyio.CancelScope() as answering:

            async def send_without_body(message: Any) -> None:
                if message["type"] != "http.response.body":
                    await send(message)
                    return
                await send({"type": "http.response.body"})
                if message.get("more_body"):
                    # The rest of a stream is not for this client.
                    answering.cancel()
                    await anyio.lowlevel.checkpoint()

            await self.app({**scope, "method": "GET"}, receive, send_without_body)


def forwarded(scope: Any) -> dict[str, Any]:
    """The parts of the scope that the front end's headers replace."""
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    scheme = headers.get(b"x-forwarded-proto", "").rpartition(",")[2].strip().lower()
    if scope["type"] == "websocket":
        scheme = {"http": "ws", "https": "wss"}.get(scheme, scheme)
    address = headers.get(b"x-forwarded-for", "").rpartition(",")[2].strip()
    replaced: dict[str, Any] = {"client": (address, 0)} if address else {}
    return replaced | ({"scheme": scheme} if scheme in SCHEMES[scope["type"]] else {})
