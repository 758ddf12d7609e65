"""One HTTP contract for every framework, sync and async, held by a live server of each on PostgreSQL and PgBouncer."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from combinations import FLAVOURS, Combination
from conftest import Bake, RecordProperty
from contract import EXCHANGES, NOTES, NOW, OPERATIONS, Exchange
from environments import environment
from live import LiveService, Start, one_slot, starting
from servers import PgBouncer, PostgresServer, wait_until

#: More requests than a server with threads lets wait.
FLOOD = 130


@pytest.fixture(scope="module", params=FLAVOURS, ids=lambda c: "-".join(c.framework_flavour))
def combination(request: pytest.FixtureRequest) -> Combination:
    combination: Combination = request.param
    return combination


@pytest.fixture(scope="module")
def start(
    bake: Bake,
    combination: Combination,
    postgres: PostgresServer,
    pgbouncer: PgBouncer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Start]:
    """Start processes of the service, each in its own way."""
    project = bake(combination)
    with starting(project, environment(project), postgres, pgbouncer, tmp_path_factory.mktemp("contract")) as start:
        yield start


@pytest.fixture(scope="module")
def service(start: Start) -> LiveService:
    return start()


@pytest.fixture
def client(service: LiveService) -> Iterator[httpx.Client]:
    """A client of the service, which has the contract's notes."""
    service.postgres.execute(NOTES, database=service.database)
    with service.client() as client:
        yield client


def comparable(answer: Any, began: datetime) -> Any:
    """The answer with times since the tests began called NOW, and errors known by their locations."""
    match answer:
        case {"errors": [*errors]}:
            # Where in a malformed body the parser gave up differs.
            return answer | {"errors": [re.sub(r"^body\.\d+$", "body", error["location"]) for error in errors]}
        case {"created_at": str(), "updated_at": str()}:
            times = {name: NOW for name in ("created_at", "updated_at") if datetime.fromisoformat(answer[name]) > began}
            return answer | times
    return answer


@pytest.mark.parametrize("exchange", EXCHANGES.values(), ids=EXCHANGES)
def test_request_is_answered_as_the_contract_says(client: httpx.Client, exchange: Exchange) -> None:
    # Both clocks are this machine's.
    began = datetime.now(UTC)
    response = client.request(exchange.method, exchange.path, **exchange.request)
    assert response.status_code == exchange.status, response.text
    if exchange.answer is None:
        assert not response.content
    else:
        media_type = "application/json" if response.is_success else "application/problem+json"
        assert response.headers["content-type"] == media_type
        assert comparable(response.json(), began) == exchange.answer
    for name, value in exchange.headers.items():
        # Frameworks differ in whether OPTIONS stands in Allow.
        found = set(response.headers[name].split(", ")) - {"OPTIONS"}
        assert sorted(found) == value.split(", ")


@pytest.mark.parametrize(("path", "methods"), [("/notes", {"GET", "HEAD", "POST"}), ("/health", {"GET", "HEAD"})])
def test_options_names_head_beside_get(client: httpx.Client, path: str, methods: set[str]) -> None:
    assert set(client.options(path).headers["allow"].split(", ")) - {"OPTIONS"} == methods


def test_document_names_the_same_operations_and_statuses(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert {operation["operationId"]: set(operation["responses"]) for operation in operations} == OPERATIONS


def test_document_has_a_page_where_the_setting_says_so(client: httpx.Client, start: Start) -> None:
    assert client.get("/docs").status_code == 404
    with start(DOCS="true").client() as client_with_docs:
        page = client_with_docs.get("/docs")
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.text.count(' integrity="sha384-') == 2
        assert not client_with_docs.head("/docs").content


@pytest.mark.parametrize(("file", "status"), [("", 200), ("DOCS=false\n", 404)])
def test_development_server_has_the_page_unless_told_otherwise(
    bake: Bake, combination: Combination, start: Start, tmp_path: Path, file: str, status: int
) -> None:
    copy = Path(shutil.copytree(bake(combination).path, tmp_path / "service"))
    (copy / ".env").write_text(file, encoding="utf-8")
    with start("-m", "dev.run", path=copy).client() as client:
        assert client.get("/docs").status_code == status


def test_document_keeps_what_it_promises(
    service: LiveService, client: httpx.Client, tmp_path: Path, record_property: RecordProperty
) -> None:
    """No 5xx, no undocumented status, no violation of a schema, nor any other of schemathesis' checks."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{service.process.url}/openapi.json"]
    options = ["--checks=all", "--max-examples=50", "--generation-deterministic", "--no-color"]
    done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout[-8000:]
    assert f"Tested: {len(OPERATIONS)}" in done.stdout
    [counts] = re.findall(r"^ +(\d+ generated, \d+ passed.*)$", done.stdout, re.MULTILINE)
    record_property(f"{service.combination}  schemathesis", counts)


def test_health_is_answered_while_a_flood_waits(bake: Bake, start: Start, combination: Combination) -> None:
    # Longer than the client waits for an answer: a health check that waits its turn fails by the client's time-out.
    service = start(**one_slot(combination), ADMISSION_TIMEOUT="600")
    sent: list[str] = []

    def note_sent(event: str, _: dict[str, Any]) -> None:
        if event == "http11.send_request_body.complete":
            sent.append(event)

    with service.client(2 * FLOOD) as client, ThreadPoolExecutor(FLOOD) as threads:
        with service.postgres.locked(service.database, "note"):
            reads = [threads.submit(client.get, "/notes", extensions={"trace": note_sent}) for _ in range(FLOOD)]
            assert wait_until(lambda: len(sent) == FLOOD)
            assert client.get("/health").status_code == 200
        statuses = Counter(read.result().status_code for read in reads)
    assert statuses == Counter({200: FLOOD})


def test_one_process_serves_whatever_the_servers_own_variable_says(start: Start) -> None:
    """Each further one would have connections of its own, of which the sum in deploy/ knows nothing."""
    service = start(WEB_CONCURRENCY="3")
    with service.client() as client, ThreadPoolExecutor(30) as threads:
        answers = [threads.submit(client.get, "/notes") for _ in range(30)]
        assert {answer.result().status_code for answer in answers} == {200}
    assert len(service.process.children()) <= 1


def test_development_server_reloads_and_survives_a_mistake(
    bake: Bake, combination: Combination, start: Start, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(bake(combination).path, tmp_path / "service"))
    health = copy / "app" / "web" / "health.py"
    text = health.read_text(encoding="utf-8")
    service = start("-m", "dev.run", path=copy)
    with service.client() as client:

        def is_reloaded() -> bool:
            with suppress(httpx.TransportError):
                answer = client.get("/health")
                return answer.is_success and bool(answer.json() == {"status": "reloaded"})
            return False

        assert client.get("/notes").status_code == 200
        health.write_text(text + "\na_mistake\n", encoding="utf-8")
        assert wait_until(lambda: "name 'a_mistake' is not defined" in service.process.log_tail(200))
        health.write_text(text.replace('"ok"', '"reloaded"'), encoding="utf-8")
        assert wait_until(is_reloaded)
