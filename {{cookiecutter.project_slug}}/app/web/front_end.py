"""What lies between the application and HTTP, whatever the application is."""

from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import anyio.lowlevel

from app.web.asgi import replay

Headers = list[tuple[bytes, bytes]]

SCHEMES = {"http": {"http", "https"}, "websocket": {"ws", "wss"}}

#: A browser must not guess that an answer is a page or a script.
NO_SNIFF = (b"x-content-type-options", b"nosniff")

CLOSE = (b"connection", b"close")


class FrontEnd:
    """ASGI middleware around all others: what Cloud Run's front end tells about a request, and HTTP's own rules.

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
        headers = dict(scope["headers"])
        scope = {**scope, **forwarded(scope["type"], headers)}
        if not scope["raw_path"].startswith(b"/"):
            scope |= origin_form(scope)
        # Two lengths for one body are how a request is hidden behind another (RFC 9112, section 6.3).
        is_ambiguous = b"transfer-encoding" in headers and b"content-length" in headers

        async def send_completed(message: Any) -> None:
            if message["type"].endswith("http.response.start"):
                message = {**message, "headers": completed(message.get("headers", ()), is_ambiguous)}
            await send(message)

        await self.app(scope, receive, send_completed)


def forwarded(kind: str, headers: dict[bytes, bytes]) -> dict[str, Any]:
    """The parts of the scope that the front end's headers replace."""
    scheme = headers.get(b"x-forwarded-proto", b"").rpartition(b",")[2].strip().lower().decode("latin-1")
    if kind == "websocket":
        scheme = {"http": "ws", "https": "wss"}.get(scheme, scheme)
    address = headers.get(b"x-forwarded-for", b"").rpartition(b",")[2].strip().decode("latin-1")
    replaced: dict[str, Any] = {"client": (address, 0)} if address else {}
    return replaced | ({"scheme": scheme} if scheme in SCHEMES[kind] else {})


def origin_form(scope: Any) -> dict[str, Any]:
    """The parts of the scope that a target like http://notes.example/notes replaces (RFC 9112, section 3.2.2)."""
    scheme, _, rest = scope["raw_path"].partition(b"://")
    authority, _, path = rest.partition(b"/")
    if scheme.lower() not in {b"http", b"https"} or not authority:
        return {}
    headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
    return {
        "raw_path": b"/" + path,
        "path": "/" + unquote(path.decode("ascii")),
        "headers": [(b"host", authority), *headers],
    }


def completed(headers: Any, is_ambiguous: bool) -> Headers:
    """The headers of an answer with those that every answer has."""
    names = {name.lower() for name, _ in headers}
    complete: Headers = list(headers)
    if NO_SNIFF[0] not in names:
        complete.append(NO_SNIFF)
    if is_ambiguous:
        complete = [header for header in complete if header[0].lower() != CLOSE[0]] + [CLOSE]
    if b"allow" in names:
        complete = [(name, with_head(value) if name.lower() == b"allow" else value) for name, value in complete]
    return complete


def with_head(allow: bytes) -> bytes:
    """The methods of an Allow header: who answers GET answers HEAD."""
    methods = {method.strip() for method in allow.split(b",") if method.strip()}
    return b", ".join(sorted(methods | ({b"HEAD"} if b"GET" in methods else set())))


class Head:
    """ASGI middleware: HEAD is answered like GET, without the body, where the application does not answer it itself."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope.get("method") != "HEAD":
            await self.app(scope, receive, send)
        # The body, if there is one, has come with the first question.
        elif not await self.is_answered(dict(scope), receive, send):
            await self.is_answered({**scope, "method": "GET"}, replay(b"", receive), send, last=True)

    async def is_answered(self, scope: Any, receive: Any, send: Any, last: bool = False) -> bool:
        """Ask the application. Where it says 405 and this is not the last question, nothing is sent."""
        is_refused = False
        with anyio.CancelScope() as answering:

            async def send_without_body(message: Any) -> None:
                nonlocal is_refused
                if message["type"] == "http.response.start":
                    is_refused = message["status"] == HTTPStatus.METHOD_NOT_ALLOWED and not last
                if is_refused:
                    return
                if message["type"] != "http.response.body":
                    await send(message)
                    return
                await send({"type": "http.response.body"})
                if message.get("more_body"):
                    # The rest of a stream is not for this client.
                    answering.cancel()
                    await anyio.lowlevel.checkpoint()

            await self.app(scope, receive, send_without_body)
        return not is_refused
