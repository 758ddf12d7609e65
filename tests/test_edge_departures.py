"""Clients that go away, and services that do, with each framework, sync and async: what the log says, and the client.

nginx's status 499 stands for a request whose client left before it was answered.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from edge_clients import CHUNKED, JSON, RawClient, chunk, request
from live import LiveService, Log, Start
from servers import wait_until

SHUTDOWN_TIMEOUT = 2

JSON_ROUTE = "/notes"
STREAMED_ROUTE = "/owner/upload"


def half(path: str, name: str) -> bytes:
    return request("POST", path, JSON | {"Content-Length": 1000, "User-Agent": name}, b'{"title": "')


def half_and_finish(client: RawClient, path: str, name: str) -> None:
    client.send(half(path, name))
    client.finish()


def half_and_close(client: RawClient, path: str, name: str) -> None:
    client.send(half(path, name))
    client.close()


def half_and_reset(client: RawClient, path: str, name: str) -> None:
    client.send(half(path, name))
    client.reset()


def chunks_and_finish(client: RawClient, path: str, name: str) -> None:
    client.send(request("POST", path, JSON | CHUNKED | {"User-Agent": name}, chunk(b'{"title": "')))
    client.finish()


def header_and_finish(client: RawClient, path: str, name: str) -> None:
    client.send(request("POST", path, JSON | {"Content-Length": 1000, "User-Agent": name}))
    client.finish()


def header_and_reset(client: RawClient, path: str, name: str) -> None:
    client.send(request("POST", path, JSON | {"Content-Length": 1000, "User-Agent": name}))
    client.reset()


def broken_chunk(client: RawClient, path: str, name: str) -> None:
    client.send(request("POST", path, JSON | CHUNKED | {"User-Agent": name}, chunk(b'{"title": "') + b"zz\r\n"))


Departure = Callable[[RawClient, str, str], None]

#: How a client leaves before its request is whole, and the status of its line.
DEPARTURES: dict[Departure, int] = {
    half_and_finish: 499,
    half_and_close: 499,
    half_and_reset: 499,
    chunks_and_finish: 499,
    header_and_finish: 499,
    header_and_reset: 499,
    broken_chunk: 400,
}


@pytest.mark.parametrize("path", [JSON_ROUTE, STREAMED_ROUTE], ids=["json", "streamed"])
@pytest.mark.parametrize("departure", DEPARTURES, ids=lambda departure: departure.__name__)
def test_request_that_is_not_whole_is_one_quiet_line_of_the_log(
    edge: LiveService, departure: Departure, path: str
) -> None:
    log = Log(edge)
    with RawClient(edge) as client:
        departure(client, path, "leaver")
        assert_is_one_quiet_line(log, path, "leaver", DEPARTURES[departure])


def assert_is_one_quiet_line(log: Log, path: str, name: str, status: int) -> None:
    log.settle(path)
    assert [line["httpRequest"]["status"] for line in log.requests_of(name)] == [status]
    assert [line for line in log.entries() if line["severity"] != "INFO"] == []


def test_broken_chunk_is_answered_with_a_problem(edge: LiveService) -> None:
    with RawClient(edge) as client:
        broken_chunk(client, JSON_ROUTE, "leaver")
        answer = client.receive_answer()
    assert (answer.status, answer.is_problem) == (400, True)


def waiting(service: LiveService, log: Log, client: RawClient) -> None:
    """Return when the client's request is in its handler, which waits."""
    client.send(request("GET", "/owner/wait", {"User-Agent": "leaver"}))
    assert wait_until(lambda: any(entry["message"] == "the owner waits" for entry in log.entries()))


@pytest.mark.parametrize("leave", [RawClient.close, RawClient.reset], ids=["close", "reset"])
def test_client_that_leaves_during_its_handler_is_one_quiet_line_of_the_log(
    edge: LiveService, leave: Callable[[RawClient], None]
) -> None:
    log = Log(edge)
    with RawClient(edge) as client:
        waiting(edge, log, client)
        leave(client)
    with edge.client() as other:
        assert other.post("/owner/turn").status_code == 204
    assert_is_one_quiet_line(log, "/owner/wait", "leaver", 499)


@pytest.mark.parametrize("leave", [RawClient.close, RawClient.reset], ids=["close", "reset"])
@pytest.mark.parametrize("path", ["/owner/drops", "/owner/endless"])
def test_client_that_leaves_a_stream_is_one_quiet_line_of_the_log(
    edge: LiveService, leave: Callable[[RawClient], None], path: str
) -> None:
    log = Log(edge)
    with RawClient(edge) as client:
        client.send(request("GET", path, {"User-Agent": "leaver"}))
        client.wait_for_first_byte()
        leave(client)
    # The status that the client has seen.
    assert_is_one_quiet_line(log, path, "leaver", 200)


def test_service_goes_on_after_departures(edge: LiveService) -> None:
    for departure in DEPARTURES:
        with RawClient(edge) as client:
            departure(client, JSON_ROUTE, "leaver")
    with edge.client() as client:
        created = client.post("/notes", json={"title": str(uuid4())})
        assert created.status_code == 201


# The end of the service


@pytest.fixture
def ending(start_edge: Start) -> LiveService:
    return start_edge(SHUTDOWN_TIMEOUT=str(SHUTDOWN_TIMEOUT))


def stop_during_handler(service: LiveService) -> tuple[bytes, int | None]:
    """What a client gets whose request outlives the time that it has after SIGTERM, and the service's exit code."""
    log = Log(service)
    with RawClient(service) as client, ThreadPoolExecutor(1) as thread:
        waiting(service, log, client)
        stopped = thread.submit(service.process.stop)
        return client.receive_all(), stopped.result()


def stop_during_stream(service: LiveService, path: str) -> tuple[bytes, int | None]:
    with RawClient(service) as client, ThreadPoolExecutor(1) as thread:
        client.send(request("GET", path, {"User-Agent": "leaver"}))
        client.wait_for_first_byte()
        stopped = thread.submit(service.process.stop)
        return client.receive_all(), stopped.result()


def test_request_that_outlives_the_service_is_answered_with_a_problem(ending: LiveService) -> None:
    received, _ = stop_during_handler(ending)
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0].split()[1] == "503"
    assert "content-type: application/problem+json" in lines
    assert b'"status":503' in body


def test_request_that_outlives_the_service_is_one_line_of_the_log(ending: LiveService) -> None:
    stop_during_handler(ending)
    assert [line["httpRequest"]["status"] for line in Log.of_all(ending).requests_of("leaver")] == [503]


def test_service_ends_in_time_with_a_request_that_outlives_it(ending: LiveService) -> None:
    _, code = stop_during_handler(ending)
    assert code == 0


@pytest.mark.parametrize("path", ["/owner/drops", "/owner/endless"])
def test_stream_that_outlives_the_service_is_cut(ending: LiveService, path: str) -> None:
    received, _ = stop_during_stream(ending, path)
    assert received.startswith(b"HTTP/1.1 200")
    # The client sees so that there was more.
    assert not received.endswith(b"\r\n0\r\n\r\n")


def test_stream_that_outlives_the_service_is_one_line_of_the_log(ending: LiveService) -> None:
    stop_during_stream(ending, "/owner/drops")
    assert [line["httpRequest"]["status"] for line in Log.of_all(ending).requests_of("leaver")] == [200]


def test_service_ends_in_time_with_a_stream_that_outlives_it(ending: LiveService) -> None:
    _, code = stop_during_stream(ending, "/owner/drops")
    assert code == 0


def test_body_that_outlives_the_service_does_not_hold_it(ending: LiveService) -> None:
    with RawClient(ending) as client:
        client.send(half(JSON_ROUTE, "leaver"))
        with ending.client() as other:
            # Sent later, answered: the other one is there.
            assert other.get("/notes").status_code == 200
        assert ending.process.stop() == 0


def test_idle_connection_does_not_hold_the_service(ending: LiveService) -> None:
    with RawClient(ending) as client:
        client.send(request("GET", "/notes"))
        assert client.receive_answer().status == 200
        assert ending.process.stop() == 0
