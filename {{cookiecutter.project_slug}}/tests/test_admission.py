"""What happens to requests beyond the connections that there are."""

from concurrent.futures import ThreadPoolExecutor

from tests.conftest import DATABASE, StartService
from tests.servers import Postgres

#: One request at work at a time, and a short wait for the others.
FULL = {
{% for name, value, minimum, help in cookiecutter._pooling_strategies[cookiecutter.pooling_strategy].settings %}
    "{{ name | upper }}": "{{ minimum }}",
{% endfor %}
    "ADMISSION_TIMEOUT": "0.5",
}


def test_full_service_answers_503_and_stays_healthy(postgres: Postgres, start_service: StartService) -> None:
    service = start_service(**FULL)
    with service.client() as client, ThreadPoolExecutor() as threads:
        with postgres.locked(DATABASE, "note"):
            first = threads.submit(client.post, "/notes", json={"title": "Milk"})
            postgres.wait_for_blocked(DATABASE)
            second = client.get("/notes")
            health = client.get("/health")
        assert second.status_code == 503
        assert second.headers["retry-after"]
        assert second.headers["content-type"] == "application/problem+json"
        assert health.status_code == 200
        assert first.result().status_code == 201


def test_place_is_free_again_after_each_request(start_service: StartService) -> None:
    service = start_service(**FULL)
    with service.client() as client:
        assert [client.get("/notes/1").status_code for _ in range(3)] == [404] * 3


def test_more_requests_than_places_are_served_in_turn(start_service: StartService) -> None:
    service = start_service(**FULL | {"ADMISSION_TIMEOUT": "60"})
    with service.client() as client, ThreadPoolExecutor(12) as threads:
        responses = threads.map(lambda number: client.post("/notes", json={"title": f"Note {number}"}), range(36))
        assert {response.status_code for response in responses} == {201}
