"""Cloud SQL's two counterparts on this machine: a metadata server that hands out access tokens, and who checks them.

PostgreSQL asks a RADIUS server (RFC 2865) whether a password is right, so a real one takes tokens that live for some
seconds and refuses all others.
"""

import hashlib
import json
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

#: google-auth takes a new token when less than this is left (its REFRESH_THRESHOLD, 3 min 45 s), in seconds.
REFRESH_THRESHOLD = 225

#: Seconds for which google-auth uses a token of this metadata server.
USED_FOR = 1

#: Seconds for which the database takes it.
TAKEN_FOR = 20

RADIUS_SECRET = "not-a-real-secret"

ACCESS_REQUEST, ACCESS_ACCEPT, ACCESS_REJECT = 1, 2, 3
USER_PASSWORD, MESSAGE_AUTHENTICATOR = 2, 80


@dataclass
class Tokens:
    """The tokens that were handed out, and until when the database takes each."""

    ends: dict[str, float] = field(default_factory=dict)
    are_taken: bool = True

    def new(self) -> str:
        # A RADIUS password has at most 128 bytes.
        token = f"not-a-real-token-{secrets.token_hex(16)}"
        self.ends[token] = time.monotonic() + TAKEN_FOR
        return token

    def is_valid(self, token: str) -> bool:
        return self.are_taken and self.ends.get(token, 0) > time.monotonic()

    @contextmanager
    def refused(self) -> Iterator[None]:
        """Inside the block the database takes none."""
        self.are_taken = False
        try:
            yield
        finally:
            self.are_taken = True


class MetadataServer:
    """What answers at metadata.google.internal, on loopback."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        #: The status of each answer to a request for a token, which waits until there are answers.
        self.status = 200
        self.answers = threading.Event()
        self.answers.set()
        #: Requests for a token that are under way, and the most that ever were.
        self.under_way = self.most = 0
        metadata, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                if not path.endswith("/token"):
                    return self.answer(200, {"email": "run@project.invalid", "scopes": [], "aliases": []})
                with lock:
                    metadata.under_way += 1
                    metadata.most = max(metadata.most, metadata.under_way)
                metadata.answers.wait()
                with lock:
                    metadata.under_way -= 1
                if metadata.status != 200:
                    return self.answer(metadata.status, {"error": "refused"})
                lasts = REFRESH_THRESHOLD + USED_FOR
                token = {"access_token": metadata.tokens.new(), "expires_in": lasts, "token_type": "Bearer"}
                return self.answer(200, token)

            def answer(self, status: int, content: dict[str, object]) -> None:
                body = json.dumps(content).encode()
                self.send_response(status)
                for name, value in {"Metadata-Flavor": "Google", "Content-Type": "application/json"}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.answers.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @contextmanager
    def answering(self, status: int) -> Iterator[None]:
        """Inside the block it answers this status to each request for a token."""
        self.status = status
        try:
            yield
        finally:
            self.status = 200

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Inside the block it does not answer requests for a token."""
        self.answers.clear()
        try:
            yield
        finally:
            self.answers.set()

    def environment(self) -> dict[str, str]:
        """What makes google-auth ask this server and no other."""
        host = f"127.0.0.1:{self.server.server_port}"
        return {"GCE_METADATA_HOST": host, "GCE_METADATA_IP": host, "GOOGLE_CLOUD_PROJECT": "my-gcp-project"}


class RadiusServer:
    """A RADIUS server on loopback that accepts the tokens that are valid now."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        #: The passwords that it refused.
        self.refused: list[str] = []
        self.thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # An empty datagram ends it.
        self.socket.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()

    def hba_line(self, role: str) -> str:
        """The line of pg_hba.conf that asks this server."""
        options = {"radiusservers": "127.0.0.1", "radiusports": self.port, "radiussecrets": RADIUS_SECRET}
        return f"local all {role} radius " + " ".join(f'{name}="{value}"' for name, value in options.items())

    def _serve(self) -> None:
        while True:
            request, client = self.socket.recvfrom(4096)
            if not request:
                return
            password = decrypted(attributes(request)[USER_PASSWORD], request[4:20])
            accepted = self.tokens.is_valid(password)
            if not accepted:
                self.refused.append(password)
            self.socket.sendto(response(request, ACCESS_ACCEPT if accepted else ACCESS_REJECT), client)


def attributes(request: bytes) -> dict[int, bytes]:
    found, position = {}, 20
    while position < len(request):
        kind, length = request[position], request[position + 1]
        found[kind] = request[position + 2 : position + length]
        position += length
    return found


def decrypted(password: bytes, authenticator: bytes) -> str:
    """RFC 2865, 5.2: each block of 16 bytes is hidden by a digest of the secret and of the block before."""
    plain, before = b"", authenticator
    for start in range(0, len(password), 16):
        block = password[start : start + 16]
        mask = hashlib.md5(RADIUS_SECRET.encode() + before).digest()
        plain += bytes(a ^ b for a, b in zip(block, mask, strict=True))
        before = block
    return plain.rstrip(b"\0").decode(errors="replace")


def response(request: bytes, code: int) -> bytes:
    head = bytes([code, request[1]]) + (20).to_bytes(2, "big")
    return head + hashlib.md5(head + request[4:20] + RADIUS_SECRET.encode()).digest()
