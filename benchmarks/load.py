"""Clients that ask a server as fast as it answers, all in one thread."""

import re
import selectors
import socket
import time
from contextlib import ExitStack

CLIENTS = 16

#: Seconds in which a server answers, whatever else the machine does.
PATIENCE = 30.0


def answered_requests(port: int, path: str, seconds: float) -> int:
    """What all clients together are answered while each sends one request after the other.

    Raises:
        RuntimeError: an answer is not 200 or does not come, or the server closes a connection.
    """
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    received: dict[socket.socket, bytes] = {}
    requests = 0
    with selectors.DefaultSelector() as selector, ExitStack() as stack:
        for _ in range(CLIENTS):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(client, selectors.EVENT_READ)
            received[client] = b""
            client.sendall(request)
        deadline = time.monotonic() + seconds
        # Nobody leaves without an answer: that would be other work for the server.
        waiting = CLIENTS
        while waiting:
            for key, _ in selector.select(PATIENCE):
                client = key.fileobj  # type: ignore[assignment]
                piece = client.recv(65536)
                if not piece:
                    raise RuntimeError(f"The server closed a connection after {requests} requests.")
                received[client] += piece
                if not is_whole(received[client]):
                    continue
                requests += 1
                received[client] = b""
                if time.monotonic() < deadline:
                    client.sendall(request)
                else:
                    waiting -= 1
            if time.monotonic() > deadline + PATIENCE:
                raise RuntimeError(f"{waiting} clients got no answer.")
    return requests


def is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"The server answered {answer[:300]!r}.")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    assert length
    return len(body) >= int(length[1])


def processor_time(pid: int) -> float:
    """Seconds that the process has computed, to the nanosecond: Linux makes a clock of each process's id."""
    return time.clock_gettime((~pid << 3) | 2)
