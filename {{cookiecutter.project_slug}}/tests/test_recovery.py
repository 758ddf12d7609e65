"""The database goes to sleep, restarts or refuses the service."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import LiteralString

import pytest

from app.database.connect_retry import SHORTEST_ATTEMPT
from app.settings import get_settings
from tests.application import Client, open_client
from tests.conftest import DATABASE, Configure, StartService
from tests.roles import RUNTIME
from tests.servers import Endpoint, Postgres, wait_for_record
from tests.settings import ONE_SLOT

CLIENTS = 8

SERVED = [200] * CLIENTS + [201] * CLIENTS


def fill_the_pool(client: Client, postgres: Postgres) -> None:
    """Open a connection for each client at the same time, or as many as the service has."""
    with ThreadPoolExecutor(CLIENTS) as threads:
        with postgres.locked(DATABASE, "note"):
            reads = [threads.submit(client.get, "/notes") for _ in range(CLIENTS)]
            postgres.wait_for_blocked(DATABASE, min(CLIENTS, get_settings().concurrency))
        assert [read.result().status_code for read in reads] == [200] * CLIENTS


def work(client: Client) -> list[int]:
    """The statuses of one read and one write for each client, all at the same time."""
    with ThreadPoolExecutor(CLIENTS) as threads:
        reads = [threads.submit(client.get, "/notes") for _ in range(CLIENTS)]
        writes = [threads.submit(client.post, "/notes", json={"title": f"Note {number}"}) for number in range(CLIENTS)]
        return [response.result().status_code for response in reads + writes]


def test_requests_are_served_after_idle_connections_were_ended(postgres: Postgres, client: Client) -> None:
    fill_the_pool(client, postgres)
    postgres.terminate_backends(DATABASE)
    assert work(client) == SERVED


def test_requests_are_served_after_a_restart_of_the_endpoint(
    postgres: Postgres, endpoint: Endpoint, client: Client
) -> None:
    fill_the_pool(client, postgres)
    endpoint.stop()
    endpoint.start()
    assert work(client) == SERVED


def test_request_waits_while_the_database_wakes(
    endpoint: Endpoint, database: str, configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    configure(DATABASE_URL=database, DATABASE_WAKE_TIMEOUT="60")
    endpoint.stop()
    try:
        with open_client() as client, ThreadPoolExecutor() as threads:
            request = threads.submit(client.post, "/notes", json={"title": "Milk"})
            wait_for_record(caplog, "does not answer yet; attempt 2")
            endpoint.start()
            assert request.result().status_code == 201
    finally:
        endpoint.start()


def test_wake_up_refuses_nobody_and_shows_in_the_log(endpoint: Endpoint, start_service: StartService) -> None:
    service = start_service(**ONE_SLOT, LOG_LEVEL="DEBUG")
    endpoint.stop()
    try:
        with service.client() as client, ThreadPoolExecutor() as threads:
            # One of them has the slot, the other waits for it.
            requests = [threads.submit(client.post, "/notes", json={"title": title}) for title in ("Milk", "Bread")]
            service.wait_for_entry("does not answer yet; attempt 2")
            endpoint.start()
            assert [request.result().status_code for request in requests] == [201, 201]
    finally:
        endpoint.start()
    [first, *_] = [entry for entry in service.entries() if "attempts" in entry]
    assert first["httpRequest"]["requestMethod"] == "POST"
    assert first["attempts"] > 2
    assert first["database_wait_ms"] > 0


def test_time_to_wait_for_a_slot_is_longer_than_a_database_may_take_to_wake(configure: Configure) -> None:
    configure(DATABASE_URL="postgresql://user@localhost/none")
    settings = get_settings()
    assert settings.admission_timeout > settings.database_wake_timeout + SHORTEST_ATTEMPT


def test_retries_end_with_503(endpoint: Endpoint, database: str, configure: Configure) -> None:
    configure(DATABASE_URL=database, DATABASE_WAKE_TIMEOUT="0.5")
    endpoint.stop()
    try:
        with open_client() as client:
            response = client.get("/notes")
    finally:
        endpoint.start()
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert "127.0.0.1" not in response.text


def test_writes_are_served_again_as_soon_as_the_server_takes_writes(postgres: Postgres, client: Client) -> None:
    with read_only(postgres):
        assert [client.post("/notes", json={"title": "Milk"}).status_code for _ in range(CLIENTS)] == [503] * CLIENTS
        assert client.get("/notes").status_code == 200
        assert client.get("/ready").status_code == 503
    assert client.post("/notes", json={"title": "Milk"}).status_code == 201
    assert client.get("/ready").status_code == 200


@contextmanager
def read_only(postgres: Postgres) -> Iterator[None]:
    """Inside the block, the server takes no writes; sessions notice it at once."""
    set_read_only(postgres, "on")
    yield
    set_read_only(postgres, "off")


def set_read_only(postgres: Postgres, value: LiteralString) -> None:
    with postgres.connection() as connection:
        connection.execute(f"ALTER DATABASE {DATABASE} SET default_transaction_read_only = {value}")
    postgres.terminate_backends(DATABASE)


def test_missing_database_is_no_reason_to_wait(
    endpoint: Endpoint, configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    configure(DATABASE_URL=endpoint.url("nowhere", RUNTIME), DATABASE_WAKE_TIMEOUT="600")
    with open_client() as client:
        assert client.get("/notes").status_code == 503
    assert "does not answer yet" not in caplog.text
