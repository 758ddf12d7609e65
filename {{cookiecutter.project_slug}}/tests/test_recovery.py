"""The database goes to sleep, restarts or turns the service away."""

from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.conftest import DATABASE, StartService
from tests.servers import Endpoint, Postgres

CLIENTS = 8


def fill_the_pool(client: httpx.Client, postgres: Postgres) -> None:
    """Open as many connections as there are clients, at once."""
    with ThreadPoolExecutor(CLIENTS) as threads:
        with postgres.locked(DATABASE, "note"):
            reads = [threads.submit(client.get, "/notes") for _ in range(CLIENTS)]
            postgres.wait_for_blocked(DATABASE, CLIENTS)
        assert [read.result().status_code for read in reads] == [200] * CLIENTS


def work(client: httpx.Client) -> list[int]:
    """The statuses of as many reads and writes at once as there are clients, each."""
    with ThreadPoolExecutor(CLIENTS) as threads:
        reads = [threads.submit(client.get, "/notes") for _ in range(CLIENTS)]
        writes = [threads.submit(client.post, "/notes", json={"title": f"Note {number}"}) for number in range(CLIENTS)]
        return [response.result().status_code for response in reads + writes]


SERVED = [200] * CLIENTS + [201] * CLIENTS


def test_requests_are_served_after_idle_connections_were_ended(postgres: Postgres, start_service: StartService) -> None:
    with start_service().client() as client:
        fill_the_pool(client, postgres)
        postgres.terminate_backends(DATABASE)
        assert work(client) == SERVED


def test_requests_are_served_after_a_restart_of_the_endpoint(
    postgres: Postgres, endpoint: Endpoint, start_service: StartService
) -> None:
    with start_service().client() as client:
        fill_the_pool(client, postgres)
        endpoint.stop()
        endpoint.start()
        assert work(client) == SERVED


def test_request_waits_while_the_database_wakes(endpoint: Endpoint, start_service: StartService) -> None:
    service = start_service(DATABASE_WAKE_TIMEOUT="60")
    endpoint.stop()
    try:
        with service.client() as client, ThreadPoolExecutor() as threads:
            request = threads.submit(client.post, "/notes", json={"title": "Milk"})
            service.wait_for_entry("does not answer yet; attempt 2")
            endpoint.start()
            assert request.result().status_code == 201
    finally:
        endpoint.start()


def test_patience_ends_with_503(endpoint: Endpoint, start_service: StartService) -> None:
    service = start_service(DATABASE_WAKE_TIMEOUT="0.5")
    endpoint.stop()
    try:
        with service.client() as client:
            response = client.get("/notes")
    finally:
        endpoint.start()
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert "127.0.0.1" not in response.text


def test_missing_database_is_no_reason_to_wait(endpoint: Endpoint, start_service: StartService) -> None:
    service = start_service(DATABASE_URL=endpoint.url("nowhere"), DATABASE_WAKE_TIMEOUT="600")
    with service.client() as client:
        assert client.get("/notes").status_code == 503
    assert "does not answer yet" not in service.log.read_text()
