"""Clients of a live service that write each byte themselves, as hostile and unlucky ones do."""

import json
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Self

import httpx

from live import LiveService

#: Seconds after which a client gives up. A time-out is how a test fails.
PATIENCE = 10

#: Seconds between the bytes of a client that sends one after the other.
PACE = 0.05

JSON = {"Content-Type": "application/json"}
CHUNKED = {"Transfer-Encoding": "chunked"}

#: The end of a body in chunks.
LAST_CHUNK = b"0\r\n\r\n"


def request(method: str, target: str, headers: Mapping[str, object] | None = None, body: bytes = b"") -> bytes:
    """A request; its length is not added."""
    fields = {"Host": "notes.example"} | dict(headers or {})
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def with_length(method: str, target: str, body: bytes, headers: Mapping[str, object] | None = None) -> bytes:
    """A request with a whole JSON body."""
    return request(method, target, JSON | {"Content-Length": len(body)} | dict(headers or {}), body)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@dataclass(frozen=True)
class RawAnswer:
    """An answer as it came; the names of its headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def is_problem(self) -> bool:
        """Whether it is a problem document that says the answer's own status."""
        if self.headers.get("content-type") != "application/problem+json":
            return False
        return bool(self.json()["status"] == self.status and self.json()["title"])


class RawClient:
    """A connection to a service."""

    def __init__(self, service: LiveService, receive_buffer: int | None = None) -> None:
        """Connect; with so many bytes for what the client has not read yet, where the system's own choice is larger."""
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", service.process.port))
        self.port: int = self.socket.getsockname()[1]
        self.file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive_answer(self, method: str = "GET") -> RawAnswer:
        """The next answer, to a request with this method.

        Raises:
            TimeoutError: it does not come.
            ConnectionError: the service has hung up instead.
        """
        start = self.file.readline()
        if not start:
            raise ConnectionError("The service hung up without an answer.")
        status = int(start.split()[1])
        headers = {}
        while line := self.file.readline().rstrip(b"\r\n"):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        has_body = method != "HEAD" and status >= 200 and status not in {204, 304}
        return RawAnswer(status, headers, self.receive_body(headers) if has_body else b"")

    def receive_body(self, headers: Mapping[str, str]) -> bytes:
        if "transfer-encoding" not in headers:
            return self.file.read(int(headers["content-length"]) if "content-length" in headers else -1)
        body = b""
        while size := int(self.file.readline(), 16):
            body += self.file.read(size)
            self.file.readline()
        self.file.readline()
        return body

    def receive_all(self) -> bytes:
        """Everything until the service hangs up.

        Raises:
            TimeoutError: it does not.
        """
        received = bytearray()
        with suppress(ConnectionError):
            while data := self.file.read1(1_000_000):
                received += data
        return bytes(received)

    def wait_for_first_byte(self) -> None:
        """Wait until an answer begins; it stays to be read.

        Raises:
            TimeoutError: none does.
        """
        self.socket.recv(1, socket.MSG_PEEK)

    def finish(self) -> None:
        """Say that nothing more comes."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Go away as a process does that is killed: by an RST, where there would be a FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@contextmanager
def connected(service: LiveService, count: int, receive_buffer: int | None = None) -> Iterator[list[RawClient]]:
    """So many clients; at the end of the block they go away."""
    with ExitStack() as clients:
        yield [clients.enter_context(RawClient(service, receive_buffer)) for _ in range(count)]


@contextmanager
def trickling(clients: Sequence[RawClient]) -> Iterator[None]:
    """Inside the block each client sends one byte after the other, until the service hangs up."""
    end = Event()

    def trickle() -> None:
        while not end.wait(PACE):
            for client in clients:
                with suppress(OSError):
                    client.send(b"x")

    with ThreadPoolExecutor(1) as thread:
        trickled = thread.submit(trickle)
        try:
            yield
        finally:
            end.set()
        trickled.result()


@contextmanager
def asking_for_health(service: LiveService) -> Iterator[list[object]]:
    """Inside the block somebody asks for /health again and again: the statuses, or the error where there was none."""
    outcomes: list[object] = []
    end = Event()

    def ask() -> None:
        outcomes.append(outcome_of_health(service))
        while not end.wait(PACE):
            outcomes.append(outcome_of_health(service))

    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(ask)
        try:
            yield outcomes
        finally:
            end.set()
        asked.result()


def outcome_of_health(service: LiveService) -> object:
    """The status of /health on a new connection, or the error."""
    try:
        return httpx.get(f"{service.process.url}/health", timeout=PATIENCE, trust_env=False).status_code
    except httpx.TransportError as error:
        return repr(error)


def is_connected(service: LiveService, client: RawClient) -> bool:
    """Whether the service has not closed its end of a client's connection. Only Linux tells."""
    ends = f":{service.process.port:04X}", f":{client.port:04X}"
    established = "01"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines()]
    return any((line[1][-5:], line[2][-5:]) == ends and line[3] == established for line in lines)
