"""Clients that go away, and services that do, with each framework, sync and async: what the log says, and the client.

nginx's status 499 stands for a request whose client left before it was answered.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import uuid4

import pytest

from edge_clients import CHUNKED, JSON, RawClient, chunk, request
from live import LiveService, Log, Start
from servers import wait_until

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


@pytest.fixture
def name() -> str:
    """The user agent of a test's client: a line of another one may come late."""
    return str(uuid4())


@pytest.mark.parametrize("path", [JSON_ROUTE, STREAMED_ROUTE], ids=["json", "streamed"])
@pytest.mark.parametrize("departure", DEPARTURES, ids=lambda departure: departure.__name__)
def test_request_that_is_not_whole_is_one_quiet_line_of_the_log(
    edge: LiveService, name: str, departure: Departure, path: str
) -> None:
    log = Log(edge)
    with RawClient(edge) as client:
        departure(client, path, name)
        assert_is_one_quiet_line(log, path, name, DEPARTURES[departure])


def assert_is_one_quiet_line(log: Log, path: str, name: str, status: int) -> None:
    assert wait_until(lambda: bool(log.requests_of(name)))
    log.settle(path)
    assert [line["httpRequest"]["status"] for line in log.requests_of(name)] == [status]
    assert [line for line in log.entries() if line["severity"] != "INFO"] == []


def test_broken_chunk_is_answered_with_a_problem(edge: LiveService, name: str) -> None:
    log = Log(edge)
    with RawClient(edge) as client:
        broken_chunk(client, JSON_ROUTE, name)
        answer = client.receive_answer()
        assert wait_until(lambda: bool(log.requests_of(name)))
    assert (answer.status, answer.is_problem) == (400, True)


def test_broken_chunk_after_the_answer_is_one_quiet_line_of_the_log(edge: LiveService) -> None:
    log = Log(edge)
    with RawClient(edge) as client:
        client.send(request("POST", JSON_ROUTE, JSON | CHUNKED | {"User-Agent": "late"}, chunk(b"x" * 2_000_000)))
        assert client.receive_answer().status == 413
        client.send(b"zz\r\n")
        assert_is_one_quiet_line(log, JSON_ROUTE, "late", 413)


def wait_for_handler(log: Log) -> None:
    """Return when a request is in the handler that waits."""
    assert wait_until(lambda: any(entry["message"] == "the owner waits" for entry in log.entries()))


@pytest.mark.parametrize("leave", [RawClient.close, RawClient.reset], ids=["close", "reset"])
def test_client_that_leaves_during_its_handler_is_one_quiet_line_of_the_log(
    edge: LiveService, name: str, leave: Callable[[RawClient], None]
) -> None:
    log = Log(edge)
    with RawClient(edge) as client:
        client.send(request("GET", "/owner/wait", {"User-Agent": name}))
        wait_for_handler(log)
        leave(client)
    with edge.client() as other:
        assert other.post("/owner/turn").status_code == 204
    assert_is_one_quiet_line(log, "/owner/wait", name, 499)


@pytest.mark.parametrize("leave", [RawClient.close, RawClient.reset], ids=["close", "reset"])
@pytest.mark.parametrize("path", ["/owner/drops", "/owner/endless"])
def test_client_that_leaves_a_stream_is_one_quiet_line_of_the_log(
    edge: LiveService, name: str, leave: Callable[[RawClient], None], path: str
) -> None:
    log = Log(edge)
    with RawClient(edge) as client:
        client.send(request("GET", path, {"User-Agent": name}))
        client.wait_for_first_byte()
        leave(client)
    # The status that the client has seen.
    assert_is_one_quiet_line(log, path, name, 200)


def test_service_goes_on_after_departures(edge: LiveService, name: str) -> None:
    log = Log(edge)
    for departure in DEPARTURES:
        with RawClient(edge) as client:
            departure(client, JSON_ROUTE, name)
    assert wait_until(lambda: len(log.requests_of(name)) == len(DEPARTURES))
    with edge.client() as client:
        created = client.post("/notes", json={"title": str(uuid4())})
        assert created.status_code == 201


# The end of the service


@pytest.fixture
def ending(start_edge: Start) -> LiveService:
    """A service that soon gives up what is not finished after SIGTERM."""
    return start_edge(SHUTDOWN_TIMEOUT="2")


@dataclass(frozen=True)
class End:
    """The end of a service during a request: what its client received, the service's exit code and its lines."""

    received: bytes
    exit_code: int | None
    statuses: list[int]


def end_during(service: LiveService, path: str, is_under_way: Callable[[Log, RawClient], None]) -> End:
    """End a service when a request for this path is under way, which would go on."""
    log = Log(service)
    with RawClient(service) as client, ThreadPoolExecutor(1) as thread:
        client.send(request("GET", path, {"User-Agent": "leaver"}))
        is_under_way(log, client)
        stopped = thread.submit(service.process.stop)
        received, exit_code = client.receive_all(), stopped.result()
    return End(received, exit_code, [line["httpRequest"]["status"] for line in log.requests_of("leaver")])


@pytest.fixture(scope="module")
def end_during_handler(start_edge: Start) -> End:
    return end_during(start_edge(SHUTDOWN_TIMEOUT="2"), "/owner/wait", lambda log, client: wait_for_handler(log))


@pytest.fixture(scope="module", params=["/owner/drops", "/owner/endless"])
def end_during_stream(start_edge: Start, request: pytest.FixtureRequest) -> End:
    service = start_edge(SHUTDOWN_TIMEOUT="2")
    return end_during(service, request.param, lambda log, client: client.wait_for_first_byte())


def test_request_that_outlives_the_service_is_answered_with_a_problem(end_during_handler: End) -> None:
    head, _, body = end_during_handler.received.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0].startswith("http/1.1 503")
    assert "content-type: application/problem+json" in lines
    assert b'"status":503' in body


def test_request_that_outlives_the_service_is_one_line_of_the_log(end_during_handler: End) -> None:
    assert end_during_handler.statuses == [503]


def test_service_ends_in_time_with_a_request_that_outlives_it(end_during_handler: End) -> None:
    assert end_during_handler.exit_code == 0


def test_stream_that_outlives_the_service_is_cut(end_during_stream: End) -> None:
    assert end_during_stream.received.startswith(b"HTTP/1.1 200")
    # The client sees so that there was more.
    assert not end_during_stream.received.endswith(b"\r\n0\r\n\r\n")


def test_stream_that_outlives_the_service_is_one_line_of_the_log(end_during_stream: End) -> None:
    assert end_during_stream.statuses == [200]


def test_service_ends_in_time_with_a_stream_that_outlives_it(end_during_stream: End) -> None:
    assert end_during_stream.exit_code == 0


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
