"""What happens when there are more requests than slots (a slot: a request's permission to use a connection)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.conftest import DATABASE
from tests.process import ServiceProcess
from tests.servers import Postgres
from tests.settings import ONE_SLOT


@pytest.fixture(scope="module")
def small_service(service_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service with one slot; a request waits half a second for it."""
    folder = tmp_path_factory.mktemp("service")
    process = ServiceProcess(folder, DATABASE_URL=service_url, ADMISSION_TIMEOUT="0.5", **ONE_SLOT)
    process.wait_until_healthy()
    yield process
    process.stop()


@pytest.fixture
def small_client(database: str, small_service: ServiceProcess) -> Iterator[httpx2.Client]:
    with small_service.client() as client:
        yield client


def test_full_service_answers_503_and_stays_healthy(postgres: Postgres, small_client: httpx2.Client) -> None:
    with ThreadPoolExecutor() as threads:
        with postgres.locked(DATABASE, "note"):
            first = threads.submit(small_client.post, "/notes", json={"title": "Milk"})
            postgres.wait_for_blocked(DATABASE)
            second = small_client.get("/notes")
            health = small_client.get("/health")
        assert second.status_code == 503
        assert second.headers["retry-after"]
        assert second.headers["content-type"] == "application/problem+json"
        assert health.status_code == 200
        assert first.result().status_code == 201


def test_slot_is_free_again_after_each_request(small_client: httpx2.Client) -> None:
    assert [small_client.get("/notes/1").status_code for _ in range(3)] == [404] * 3


def test_request_that_waits_gets_the_slot_of_the_one_before(postgres: Postgres, small_client: httpx2.Client) -> None:
    with ThreadPoolExecutor(12) as threads:
        with postgres.locked(DATABASE, "note"):
            first = threads.submit(small_client.post, "/notes", json={"title": "Milk"})
            postgres.wait_for_blocked(DATABASE)
            second = threads.submit(small_client.post, "/notes", json={"title": "Bread"})
        assert {first.result().status_code, second.result().status_code} == {201}
