"""SIGTERM, as Cloud Run sends it before it kills the container."""

from concurrent.futures import ThreadPoolExecutor

from tests.conftest import DATABASE, StartService
from tests.servers import Postgres, free_port, wait_until_refused


def test_request_under_way_is_finished_and_the_exit_is_clean(postgres: Postgres, start_service: StartService) -> None:
    service = start_service()
    with service.client() as client, ThreadPoolExecutor() as threads:
        with postgres.locked(DATABASE, "note"):
            request = threads.submit(client.post, "/notes", json={"title": "Milk"})
            postgres.wait_for_blocked(DATABASE)
            service.terminate()
            wait_until_refused(service.port)
        assert request.result().status_code == 201
    assert service.stop() == 0


def test_idle_service_exits_cleanly(start_service: StartService) -> None:
    service = start_service()
    with service.client() as client:
        assert client.get("/notes").status_code == 200
    assert service.stop() == 0


def test_request_that_waits_for_a_sleeping_database_is_answered_before_the_exit(start_service: StartService) -> None:
    url = f"postgresql://user@127.0.0.1:{free_port()}/none"
    service = start_service(DATABASE_URL=url, DATABASE_WAKE_TIMEOUT="600", SHUTDOWN_TIMEOUT="4", LOG_LEVEL="DEBUG")
    with service.client() as client, ThreadPoolExecutor() as threads:
        request = threads.submit(client.get, "/notes")
        service.wait_for_entry("does not answer yet; attempt 2")
        assert service.stop() == 0
        assert request.result().status_code == 503


def test_request_that_waits_for_a_statement_is_answered_before_the_exit(
    postgres: Postgres, start_service: StartService
) -> None:
    service = start_service(SHUTDOWN_TIMEOUT="2")
    with service.client() as client, ThreadPoolExecutor() as threads, postgres.locked(DATABASE, "note"):
        request = threads.submit(client.post, "/notes", json={"title": "Milk"})
        postgres.wait_for_blocked(DATABASE)
        assert service.stop() == 0
        assert request.result().status_code == 503
