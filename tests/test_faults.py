"""Each engine keeps its promises through each fault of its network and its servers.

No acknowledged write is lost and none is done twice. Each request is answered, with a 2xx or with 503. Afterwards all
slots serve again, no connection is left over, and the log has neither a traceback nor SQL.
"""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from callers import HUNG, Answer, until
from conftest import Bake, RecordProperty
from environments import environment
from faults import FAULTS, Outcome, endure, is_lost
from rig import Flow, Rig, Welcome
from servers import PostgresServer, ServerBinaries, provider_url
from stand import INSTALL_NEWER, PLACES, Place, Stand, standing
from storm import NO_ANSWER

CASES = [
    pytest.param(
        *(place, name),
        id=f"{place}-{name.replace(' ', '_')}",
        marks=() if place.endpoint in fault.often else pytest.mark.rest,
    )
    for place in PLACES
    for name, fault in FAULTS.items()
    if place.endpoint in fault.where
]

StandAt = Callable[[Place], Stand]


@pytest.fixture(scope="module")
def stand_at(
    bake: Bake, server_binaries: ServerBinaries, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StandAt]:
    """Give the stand at a place. It is there until another place is asked for."""
    stands: dict[Place, Stand] = {}
    with ExitStack() as stack:

        def stand_at(place: Place) -> Stand:
            if place not in stands:
                stack.close()
                stands.clear()
                project, folder = bake(place.combination), tmp_path_factory.mktemp("faults")
                stand = standing(place, project, environment(project), server_binaries, postgres, folder)
                stands[place] = stack.enter_context(stand)
            return stands[place]

        yield stand_at


@pytest.mark.parametrize(("place", "name"), CASES)
def test_promises_are_kept(stand_at: StandAt, place: Place, name: str, record_property: RecordProperty) -> None:
    if not place.is_installed:
        pytest.skip(INSTALL_NEWER)
    outcome = endure(stand_at(place), FAULTS[name])
    refusals = FAULTS[name].refusals
    broken = outcome.broken_promises(refusals(place.combination) if refusals else None)
    assert not broken, f"{outcome}\n" + "\n".join(broken)
    record_property(f"{place}  {name}", str(outcome))


# What the tests notice.


def outcome(*answers: Answer, **findings: Any) -> Outcome:
    return replace(Outcome(answers, lost=[], twice=[], connections_left=0, complaints=[]), **findings)


RIGHT = Answer("caller", "POST", "title", 201, 0.1, is_right=True)
REFUSED = Answer("caller", "POST", "title", 503, 0.1, is_right=True)
NOT_RIGHT = Answer("caller", "POST", "title", 503, 0.1, body="Service Unavailable")


@pytest.mark.parametrize(
    ("outcome", "broken"),
    [
        (outcome(RIGHT), []),
        (outcome(RIGHT, REFUSED), ["1 requests got 503, and 0 may"]),
        (outcome(NOT_RIGHT, NOT_RIGHT), ["2 x POST 503: Service Unavailable", "2 requests got 503, and 0 may"]),
        (outcome(replace(NOT_RIGHT, status=500)), ["1 x POST 500: Service Unavailable"]),
        (outcome(replace(NOT_RIGHT, status=HUNG, body="")), ["1 x POST hung: "]),
        (outcome(replace(NOT_RIGHT, status=NO_ANSWER, body="")), ["1 x POST cut off: "]),
        (outcome(RIGHT, lost=["title"]), ["lost, though acknowledged: title"]),
        (outcome(RIGHT, twice=["title"]), ["written twice: title"]),
        (outcome(RIGHT, connections_left=1), ["1 connections are left"]),
        (outcome(RIGHT, complaints=["the log has Traceback"]), ["the log has Traceback"]),
    ],
)
def test_broken_promise_is_named(outcome: Outcome, broken: list[str]) -> None:
    assert outcome.broken_promises(refusals=0) == broken


@pytest.mark.parametrize(
    ("answer", "bodies", "lost"),
    [
        (RIGHT, {"title": "first"}, False),
        (RIGHT, {}, True),
        (REFUSED, {}, False),
        (replace(RIGHT, method="PUT", status=200), {"title": "second"}, False),
        (replace(RIGHT, method="PUT", status=200), {"title": "first"}, True),
        (replace(RIGHT, method="GET", status=200, title=""), {}, False),
    ],
)
def test_lost_write_is_noticed(answer: Answer, bodies: dict[str, str], lost: bool) -> None:
    assert is_lost(answer, bodies) == lost


# The rig itself.


@pytest.fixture
def rig(postgres: PostgresServer) -> Iterator[Rig]:
    with Rig(postgres.port, postgres.certificate, postgres.private_key) as rig:
        yield rig


@pytest.fixture
def connect(rig: Rig, database: str) -> Callable[[], psycopg.Connection]:
    return lambda: psycopg.connect(provider_url(rig.port, database), autocommit=True, connect_timeout=2)


@pytest.mark.parametrize(
    ("welcome", "error"),
    [
        (Welcome.REFUSE, "refused"),
        (Welcome.CLOSE, "closed|reset"),
        (Welcome.SILENCE, "timeout"),
        (Welcome.GARBLE, "invalid response"),
        (Welcome.STARTING, "the database system is starting up"),
    ],
)
def test_rig_keeps_new_connections_out(
    rig: Rig, connect: Callable[[], psycopg.Connection], welcome: Welcome, error: str
) -> None:
    with connect() as connection:
        rig.welcome(welcome)
        with pytest.raises(psycopg.OperationalError, match=error):
            connect()
        assert connection.execute("SELECT 1").fetchone() == (1,)
        rig.restore()
        connect().close()


def test_rig_ends_open_connections(rig: Rig) -> None:
    with socket.create_connection(("127.0.0.1", rig.port)) as client:
        until(lambda: rig.open == 1, "the rig has the connection")
        rig.end()
        assert client.recv(1) == b""
    with socket.create_connection(("127.0.0.1", rig.port)) as client:
        until(lambda: rig.open == 1, "the rig has the connection")
        rig.reset()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    assert (rig.open, rig.accepted) == (0, 2)


def test_rig_injects_garbage(rig: Rig, connect: Callable[[], psycopg.Connection]) -> None:
    with connect() as connection:
        rig.inject()
        with pytest.raises(psycopg.OperationalError, match="SSL error"):
            connection.execute("SELECT 1")
    until(lambda: rig.open == 0, "the rig closes what its client has closed")


@pytest.mark.parametrize(
    ("flow", "arrives", "survives"), [(Flow.HOLD, False, True), (Flow.MUTE, False, False), (Flow.SWALLOW, True, False)]
)
def test_rig_disturbs_open_connections(
    rig: Rig,
    connect: Callable[[], psycopg.Connection],
    postgres: PostgresServer,
    database: str,
    flow: Flow,
    arrives: bool,
    survives: bool,
) -> None:
    def has_arrived() -> bool:
        return postgres.execute("SELECT to_regclass('arrived') IS NOT NULL", database=database) == [(True,)]

    with connect() as busy, connect() as idle, ThreadPoolExecutor() as threads:
        rig.disturb(flow)
        statement = threads.submit(busy.execute, "CREATE TABLE arrived ()")
        until(lambda: rig.disturbed == 1, "the rig has the statement")
        until(lambda: has_arrived() == arrives, "only a statement that passes takes effect")
        rig.restore()
        assert (statement.exception() is None) == survives
        assert has_arrived() == (arrives or survives)
        assert idle.execute("SELECT 1").fetchone() == (1,)
