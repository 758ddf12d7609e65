"""/health and /ready, with the database and without."""

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from tests.application import Client, open_client
from tests.conftest import Configure, StartService
from tests.servers import free_port

CALLERS = 10


@pytest.fixture
def unreachable(configure: Configure) -> str:
    """The port of a database that does not answer; the service has its URL as a setting."""
    port = str(free_port())
    url = f"postgresql://user:not-a-real-secret@127.0.0.1:{port}/none"
    configure(DATABASE_URL=url, DATABASE_WAKE_TIMEOUT="600")
    return port


def test_health_does_not_touch_the_database(unreachable: str, caplog: pytest.LogCaptureFixture) -> None:
    with open_client() as client:
        assert client.get("/health").json() == {"status": "ok"}
    assert not [record for record in caplog.records if record.name.startswith("app.")]


def test_ready_while_the_database_answers(client: Client) -> None:
    assert client.get("/ready").json() == {"status": "ok"}


def test_ready_gives_up_before_waking_would_and_keeps_the_detail_to_the_log(
    unreachable: str, caplog: pytest.LogCaptureFixture
) -> None:
    with open_client() as client:
        response = client.get("/ready")
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"]
    assert unreachable not in response.text
    assert "The database is not ready" in caplog.text
    assert "not-a-real-secret" not in caplog.text


def test_callers_of_ready_share_one_attempt_to_connect(start_service: StartService) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(CALLERS) as threads:
        service = start_service(DATABASE_URL=f"postgresql://user@127.0.0.1:{silent.getsockname()[1]}/none")
        with service.client() as client:
            answers = [threads.submit(client.get, "/ready") for _ in range(CALLERS)]
            assert [answer.result().status_code for answer in answers] == [503] * CALLERS
        # A caller that comes late may begin a second one.
        assert 1 <= connections_of(silent) <= 2


def connections_of(server: socket.socket) -> int:
    """How many clients have connected and were not accepted yet."""
    server.setblocking(False)
    count = 0
    with suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            count += 1
    return count
