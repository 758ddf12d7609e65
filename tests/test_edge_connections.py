"""Clients that take a connection and do not use it, on a live service of each framework, sync and async."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from edge_clients import (
    JSON,
    RawClient,
    connected,
    is_connected,
    outcome_of_health,
    request,
    trickling,
)
from live import LiveService, Log
from servers import wait_until

#: Bytes of a receive buffer in which an answer has no room.
SMALL = 4096

UNFINISHED_HEADER = b"GET /notes HTTP/1.1\r\nHost: notes.example\r\nX-Slow: "
UNFINISHED_BODY = request("POST", "/notes", JSON | {"Content-Length": 1000}, b'{"title": "')


@contextmanager
def slow_headers(service: LiveService) -> Iterator[None]:
    with connected(service, 119) as clients:
        for client in clients:
            client.send(UNFINISHED_HEADER)
        with trickling(clients):
            yield


@contextmanager
def slow_bodies(service: LiveService) -> Iterator[None]:
    with connected(service, 130) as clients:
        for client in clients:
            client.send(UNFINISHED_BODY)
        with trickling(clients):
            yield


@contextmanager
def idle(service: LiveService) -> Iterator[None]:
    with connected(service, 300):
        yield


@contextmanager
def not_reading(service: LiveService) -> Iterator[None]:
    with connected(service, 130, receive_buffer=SMALL) as clients:
        for client in clients:
            client.send(request("GET", "/owner/large"))
        # Some may be refused, as long as all of them ask at once.
        for client in clients:
            client.wait_for_first_byte()
        yield


Crowd = Callable[[LiveService], AbstractContextManager[None]]


@pytest.fixture(params=[slow_headers, slow_bodies, idle, not_reading], ids=lambda crowd: crowd.__name__)
def crowd(request: pytest.FixtureRequest) -> Crowd:
    """More clients than there are slots or threads, all of whom are in nobody's way."""
    crowd: Crowd = request.param
    return crowd


def test_health_is_answered_in_a_crowd(narrow_edge: LiveService, crowd: Crowd) -> None:
    with crowd(narrow_edge):
        assert [outcome_of_health(narrow_edge) for _ in range(5)] == [200] * 5


def test_requests_are_served_in_a_crowd(narrow_edge: LiveService, crowd: Crowd) -> None:
    with narrow_edge.client() as client, crowd(narrow_edge):
        for number in range(10):
            created = client.post("/notes", json={"title": f"{crowd.__name__} {number}"})
            assert created.status_code == 201, created.text
            assert client.get("/notes").status_code == 200
            assert client.delete(created.headers["location"]).status_code == 204


# Time


@pytest.fixture
def log(hurried_edge: LiveService) -> Iterator[Log]:
    """The log of a test whose client sends no whole header; it ends with the one line of this client."""
    log = Log(hurried_edge)
    yield log
    assert wait_until(lambda: bool(log.entries()))


def test_header_that_stops_is_refused(hurried_edge: LiveService, log: Log) -> None:
    with RawClient(hurried_edge) as client:
        client.send(UNFINISHED_HEADER)
        answer = client.receive_answer()
    assert (answer.status, answer.is_problem) == (408, True)


def test_header_that_trickles_is_refused(hurried_edge: LiveService, log: Log) -> None:
    with RawClient(hurried_edge) as client:
        client.send(UNFINISHED_HEADER)
        with trickling([client]):
            answer = client.receive_answer()
    assert (answer.status, answer.is_problem) == (408, True)


def test_slow_header_is_one_quiet_line_of_the_log(hurried_edge: LiveService, log: Log) -> None:
    with RawClient(hurried_edge) as client:
        client.send(UNFINISHED_HEADER)
        client.receive_all()
    assert wait_until(lambda: bool(log.entries()))
    [entry] = log.entries()
    assert (entry["severity"], entry["httpRequest"]["status"]) == ("INFO", 408)


def test_connection_without_a_request_is_closed(hurried_edge: LiveService) -> None:
    with RawClient(hurried_edge) as client:
        assert client.receive_all() == b""


def test_connection_without_a_further_request_is_closed(hurried_edge: LiveService) -> None:
    with RawClient(hurried_edge) as client:
        client.send(request("GET", "/notes"))
        assert client.receive_answer().status == 200
        assert client.receive_all() == b""


def test_connection_without_a_request_is_no_line_of_the_log(hurried_edge: LiveService) -> None:
    log = Log(hurried_edge)
    with RawClient(hurried_edge) as client:
        client.receive_all()
    with hurried_edge.client() as http:
        http.get("/nothing")
    assert wait_until(lambda: bool(log.requests("/nothing")))
    assert log.paths() == ["/nothing"]


def test_client_that_does_not_read_is_cut_off(hurried_edge: LiveService) -> None:
    with RawClient(hurried_edge, SMALL) as client:
        client.send(request("GET", "/owner/large"))
        client.wait_for_first_byte()
        assert is_connected(hurried_edge, client)
        assert wait_until(lambda: not is_connected(hurried_edge, client))


def test_client_that_does_not_read_is_one_quiet_line_of_the_log(hurried_edge: LiveService) -> None:
    log = Log(hurried_edge)
    with RawClient(hurried_edge, SMALL) as client:
        client.send(request("GET", "/owner/large"))
        client.wait_for_first_byte()
        assert wait_until(lambda: not is_connected(hurried_edge, client))
        log.settle("/owner/large")
    [entry] = log.requests("/owner/large")
    assert (entry["severity"], entry["httpRequest"]["status"]) == ("INFO", 200)
    assert {entry["severity"] for entry in log.entries()} == {"INFO"}


def test_slot_is_free_when_the_client_of_a_stream_does_not_read(hurried_edge: LiveService) -> None:
    with RawClient(hurried_edge, SMALL) as stream, RawClient(hurried_edge) as other:
        stream.send(request("GET", "/owner/endless"))
        stream.wait_for_first_byte()
        other.send(request("GET", "/notes"))
        assert other.receive_answer().status == 200


def test_client_that_reads_slowly_gets_all(hurried_edge: LiveService) -> None:
    with RawClient(hurried_edge, SMALL) as client:
        client.send(request("GET", "/owner/large"))
        assert len(client.receive_answer().body) == 8_000_000
