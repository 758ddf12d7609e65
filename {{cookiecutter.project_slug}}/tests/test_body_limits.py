"""What happens to a body that is too large or too slow, and which paths may have larger ones."""

import socket

import httpx2
import pytest

from app.web import body_limits
from tests.conftest import StartService


def test_body_that_is_too_large_is_refused_as_a_problem(service_client: httpx2.Client) -> None:
    answer = service_client.post("/notes", content=b"x" * 1_048_577, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


def test_body_that_stops_is_refused(start_service: StartService) -> None:
    service = start_service(BODY_TIMEOUT="1")
    head = b"POST /notes HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as slow:
        slow.sendall(head + b"{")
        assert slow.recv(65536).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    ("path", "streamed"), [("/files", True), ("/files/7", True), ("/files-of-others", False), ("/", False)]
)
def test_streamed_path_is_the_path_and_those_below(monkeypatch: pytest.MonkeyPatch, path: str, streamed: bool) -> None:
    monkeypatch.setattr(body_limits, "STREAMED", {"/files"})
    assert body_limits.is_streamed(path) is streamed
