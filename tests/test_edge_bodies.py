"""Bodies that are too large or too slow, sent by raw sockets to a live service of each framework, sync and async."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from combinations import Combination
from conftest import Bake, RecordProperty
from edge_clients import (
    CHUNKED,
    JSON,
    LAST_CHUNK,
    RawAnswer,
    RawClient,
    asking_for_health,
    chunk,
    connected,
    outcome_of_health,
    request,
    trickling,
    with_length,
)
from live import LiveService, Log, Start
from servers import wait_until

MIB = 1024 * 1024

#: Bytes that a body may have by default.
LIMIT = MIB

#: Bytes of an instance's memory, as deploy/service.yaml has it.
INSTANCE = 512 * MIB

#: A body that no client of good will sends; every parser of JSON makes many times its size of it.
HOSTILE_BODY = b'{"title":"t","body":[' + b"{}," * (32 * MIB // 3) + b"{}]}"


def body_of(size: int) -> bytes:
    """A body of exactly this size that is JSON and no note."""
    empty = json.dumps({"title": "t", "body": ""}).encode()
    return empty[:-2] + b"x" * (size - len(empty)) + empty[-2:]


def in_chunks(body: bytes, size: int = 65536) -> bytes:
    return b"".join(chunk(body[start : start + size]) for start in range(0, len(body), size))


def assert_is_problem(answer: RawAnswer, status: int) -> None:
    assert (answer.status, answer.is_problem) == (status, True), answer


# Size


def test_length_over_the_limit_is_refused_before_the_body_comes(edge: LiveService) -> None:
    with RawClient(edge) as client:
        client.send(request("POST", "/notes", JSON | {"Content-Length": LIMIT + 1}))
        assert_is_problem(client.receive_answer(), 413)


def test_chunks_over_the_limit_are_refused_before_the_last_one_comes(edge: LiveService) -> None:
    with RawClient(edge) as client:
        client.send(request("POST", "/notes", JSON | CHUNKED, in_chunks(body_of(LIMIT + 1))))
        assert_is_problem(client.receive_answer(), 413)


def test_length_at_the_limit_is_let_through(edge: LiveService) -> None:
    with RawClient(edge) as client:
        client.send(with_length("POST", "/notes", body_of(LIMIT)))
        assert_is_problem(client.receive_answer(), 422)


def test_chunks_at_the_limit_are_let_through(edge: LiveService) -> None:
    with RawClient(edge) as client:
        client.send(request("POST", "/notes", JSON | CHUNKED, in_chunks(body_of(LIMIT)) + LAST_CHUNK))
        assert_is_problem(client.receive_answer(), 422)


def test_client_that_asks_before_it_sends_too_much_is_refused(edge: LiveService) -> None:
    with RawClient(edge) as client:
        client.send(request("POST", "/notes", JSON | {"Content-Length": LIMIT + 1, "Expect": "100-continue"}))
        assert_is_problem(client.receive_answer(), 413)


def test_client_that_asks_before_it_sends_is_told_to_go_on(edge: LiveService) -> None:
    body = body_of(LIMIT)
    with RawClient(edge) as client:
        client.send(request("POST", "/notes", JSON | {"Content-Length": len(body), "Expect": "100-continue"}))
        assert client.receive_answer().status == 100
        client.send(body)
        assert_is_problem(client.receive_answer(), 422)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(with_length("POST", "/notes", HOSTILE_BODY), id="length"),
        pytest.param(request("POST", "/notes", JSON | CHUNKED, in_chunks(HOSTILE_BODY) + LAST_CHUNK), id="chunks"),
        pytest.param(with_length("POST", "/nothing", HOSTILE_BODY), id="no-such-path"),
        pytest.param(with_length("DELETE", "/notes", HOSTILE_BODY), id="no-such-method"),
    ],
)
def test_client_that_goes_on_sending_too_much_gets_its_answer(edge: LiveService, data: bytes) -> None:
    with RawClient(edge) as client:
        client.send(data)
        answer = client.receive_answer()
    assert answer.status in {404, 405, 413}
    assert answer.is_problem


def test_too_much_is_one_quiet_line_of_the_log(edge: LiveService) -> None:
    log = Log(edge)
    with RawClient(edge) as client:
        client.send(request("POST", "/notes", JSON | {"Content-Length": LIMIT + 1, "User-Agent": "large"}))
        client.receive_answer()
    assert wait_until(lambda: bool(log.requests_of("large")))
    log.settle("/notes")
    lines = log.requests_of("large")
    assert [(line["severity"], line["httpRequest"]["status"]) for line in lines] == [("INFO", 413)]
    assert {entry["severity"] for entry in log.entries()} == {"INFO"}


# Memory


@dataclass
class Attack:
    """What an attack did to a service."""

    service: LiveService
    memory_before: int
    memory_after: int = 0
    health: list[object] = field(default_factory=list)
    #: The status that each attacker got, None where it got none.
    statuses: list[int | None] = field(default_factory=list)


def send_whole(service: LiveService, body: bytes) -> int | None:
    with RawClient(service) as client, suppress(OSError):
        client.send(with_length("POST", "/notes", body))
        return client.receive_answer().status
    return None


def one_large(service: LiveService) -> list[int | None]:
    return [send_whole(service, HOSTILE_BODY)]


def several_large(service: LiveService) -> list[int | None]:
    with ThreadPoolExecutor(6) as threads:
        return list(threads.map(send_whole, [service] * 6, [HOSTILE_BODY] * 6))


def several_at_the_limit(service: LiveService) -> list[int | None]:
    body = b"[" + b"{}," * ((LIMIT - 4) // 3) + b"{}]"
    with ThreadPoolExecutor(20) as threads:
        return list(threads.map(send_whole, [service] * 20, [body.ljust(LIMIT)] * 20))


def many_unfinished(service: LiveService) -> list[int | None]:
    """They hold at once what they have sent, all but the last byte."""

    def send_most(client: RawClient) -> None:
        # Those whom the service refuses may be cut off.
        with suppress(OSError):
            client.send(with_length("POST", "/notes", body_of(LIMIT))[:-1])

    with connected(service, 200) as clients, ThreadPoolExecutor(20) as threads:
        list(threads.map(send_most, clients))
        outcome_of_health(service)
    return []


def many_unread(service: LiveService) -> list[int | None]:
    """They ask for a large answer and read nothing of it."""
    with connected(service, 130, receive_buffer=4096) as clients:
        for client in clients:
            with suppress(OSError):
                client.send(request("GET", "/owner/large"))
        for client in clients:
            # Those for whom there is no memory are cut off.
            with suppress(OSError):
                client.wait_for_first_byte()
        outcome_of_health(service)
    return []


@dataclass(frozen=True)
class Kind:
    """An attack and what is expected of it."""

    run: Callable[[LiveService], list[int | None]]
    #: Those that the attackers may get.
    statuses: set[int]
    #: The memory afterwards, where it was 1 before.
    memory: float = 1.1


ATTACKS = {
    "one-large": Kind(one_large, {413}),
    "several-large": Kind(several_large, {413}),
    "many-unfinished": Kind(many_unfinished, set()),
    "many-unread": Kind(many_unread, set()),
    # They are parsed. CPython keeps some of the memory for the next ones.
    "several-at-the-limit": Kind(several_at_the_limit, {422}, memory=1.5),
}


def bytes_of(process: int, name: str) -> int:
    """What the kernel says of a process's memory."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    values = dict(line.split(":", 1) for line in lines)
    return int(values[name].split()[0]) * 1024


def resident(service: LiveService) -> int:
    return sum(bytes_of(process, "VmRSS") for process in service.process.ids())


def limit_memory(service: LiveService) -> None:
    """Let a service have an instance's memory and no more.

    The kernel counts the address space of data for this limit: stacks of threads are in it that are hardly used. So
    the service may take in addition to what it has what an instance has left.
    """
    import resource

    for process in service.process.ids():
        limit = bytes_of(process, "VmData") + INSTANCE - resident(service)
        resource.prlimit(process, resource.RLIMIT_DATA, (limit, limit))


@dataclass(frozen=True)
class Target:
    """A service under a real limit, and its memory before anybody attacked it."""

    service: LiveService
    memory: int


@pytest.fixture(scope="module")
def target(bake: Bake, flavour: Combination, start_edge: Start) -> Target:
    if sys.platform != "linux":
        pytest.skip("NOT TESTED: the memory of a process is limited and measured on Linux only.")
    # How the image lets the system's allocator give memory back.
    allocator = re.findall(r"\b(MALLOC_\w+)=(\d+)", bake(flavour).read("Dockerfile"))
    service = start_edge(**dict(allocator))
    with service.client() as client, ThreadPoolExecutor(20) as threads:
        answers = threads.map(lambda number: client.get("/notes").status_code, range(200))
        assert set(answers) == {200}
        for number in range(20):
            note = {"title": f"legitimate {number}", "body": "x" * 10_000}
            assert client.post("/notes", json=note).status_code == 201
    limit_memory(service)
    return Target(service, resident(service))


@pytest.fixture(scope="module", params=ATTACKS)
def attack(request: pytest.FixtureRequest, target: Target) -> Attack:
    attack = Attack(target.service, target.memory)
    kind = ATTACKS[request.param]
    with asking_for_health(attack.service) as attack.health:
        attack.statuses = kind.run(attack.service)
    with suppress(OSError):
        wait_until(lambda: resident(attack.service) <= target.memory * kind.memory, seconds=5)
        attack.memory_after = resident(attack.service)
    return attack


def test_memory_after_an_attack_is_as_before(
    attack: Attack, request: pytest.FixtureRequest, record_property: RecordProperty
) -> None:
    before, after = attack.memory_before, attack.memory_after
    record_property(f"{request.node.callspec.id}  memory", f"{before // MIB} MiB, then {after // MIB} MiB")
    assert 0 < after <= before * ATTACKS[request.node.callspec.params["attack"]].memory


def test_health_is_answered_during_an_attack(attack: Attack) -> None:
    assert attack.health
    assert set(attack.health) == {200}


def test_attackers_are_refused(attack: Attack, request: pytest.FixtureRequest) -> None:
    assert set(attack.statuses) == ATTACKS[request.node.callspec.params["attack"]].statuses


def test_service_goes_on_after_an_attack(attack: Attack) -> None:
    with attack.service.client() as client:
        assert client.get("/notes").status_code == 200


def test_attack_is_no_error_of_the_service(attack: Attack) -> None:
    assert {entry["severity"] for entry in attack.service.log()} == {"INFO"}


# Time


def slow_body(length: int = 1000) -> bytes:
    """The beginning of a request that is never finished."""
    return request("POST", "/notes", JSON | {"Content-Length": length, "User-Agent": "slow"}, b'{"title": "')


def test_body_that_stops_is_refused(hurried_edge: LiveService) -> None:
    with RawClient(hurried_edge) as client:
        client.send(slow_body())
        assert_is_problem(client.receive_answer(), 408)


def test_body_that_trickles_is_refused(hurried_edge: LiveService) -> None:
    with RawClient(hurried_edge) as client:
        client.send(slow_body())
        with trickling([client]):
            assert_is_problem(client.receive_answer(), 408)


def test_chunks_that_trickle_are_refused(hurried_edge: LiveService) -> None:
    with RawClient(hurried_edge) as client:
        client.send(request("POST", "/notes", JSON | CHUNKED, b"fff\r\n"))
        with trickling([client]):
            assert_is_problem(client.receive_answer(), 408)


def test_slow_body_is_one_quiet_line_of_the_log(hurried_edge: LiveService) -> None:
    log = Log(hurried_edge)
    with RawClient(hurried_edge) as client:
        client.send(slow_body())
        client.receive_answer()
    log.settle("/notes")
    assert [(entry["severity"], entry["httpRequest"]["status"]) for entry in log.requests_of("slow")] == [("INFO", 408)]


# Streamed uploads


@contextmanager
def peak(service: LiveService) -> Iterator[Callable[[], int]]:
    """How many bytes more than at the beginning of the block the service has held at once."""
    before = resident(service)
    for process in service.process.ids():
        # Makes the kernel forget the peak (proc(5)).
        Path(f"/proc/{process}/clear_refs").write_text("5", encoding="utf-8")
    yield lambda: sum(bytes_of(process, "VmHWM") for process in service.process.ids()) - before


def upload(service: LiveService, mebibytes: int) -> RawAnswer:
    with RawClient(service) as client:
        client.send(request("POST", "/owner/upload", CHUNKED))
        for _ in range(mebibytes):
            client.send(chunk(b"x" * MIB))
        client.send(LAST_CHUNK)
        return client.receive_answer()


def test_streamed_upload_may_be_larger_than_the_limit(edge: LiveService) -> None:
    answer = upload(edge, 10)
    assert (answer.status, answer.json()) == (200, {"bytes": 10 * MIB})


def test_streamed_upload_with_a_length_may_be_larger_than_the_limit(edge: LiveService) -> None:
    with RawClient(edge) as client:
        client.send(with_length("POST", "/owner/upload", b"x" * 10 * MIB))
        assert client.receive_answer().json() == {"bytes": 10 * MIB}


@pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: the peak of a process's memory is told on Linux only.")
def test_streamed_upload_is_not_held_in_memory(edge: LiveService) -> None:
    upload(edge, 1)
    with peak(edge) as more:
        assert upload(edge, 64).status == 200
        assert more() < 16 * MIB
