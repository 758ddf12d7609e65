"""/health and /ready, with the database and without."""

from tests.conftest import StartService
from tests.servers import free_port


def test_health_does_not_touch_the_database(start_service: StartService) -> None:
    service = start_service(DATABASE_URL=f"postgresql://user:not-a-real-secret@127.0.0.1:{free_port()}/none")
    with service.client() as client:
        assert client.get("/health").json() == {"status": "ok"}
    assert not [entry for entry in service.entries() if entry["severity"] != "INFO"]


def test_ready_while_the_database_answers(start_service: StartService) -> None:
    with start_service().client() as client:
        assert client.get("/ready").json() == {"status": "ok"}


def test_ready_gives_up_before_waking_would_and_keeps_the_detail_to_the_log(start_service: StartService) -> None:
    port = free_port()
    url = f"postgresql://user:not-a-real-secret@127.0.0.1:{port}/none"
    service = start_service(DATABASE_URL=url, DATABASE_WAKE_TIMEOUT="600")
    with service.client() as client:
        response = client.get("/ready")
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"]
    assert str(port) not in response.text
    assert "The database did not answer" in service.log.read_text()
    assert "not-a-real-secret" not in service.log.read_text()
