"""What an owner adds to a service works as its framework says, on a live server of each framework, sync and async.

The owners' code is in tests/owner/. It is written as async code, as the service's own parts are.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from combinations import FLAVOURS, FRAMEWORKS, Combination
from conftest import Bake
from live import LiveService, Log, Start, occupied, one_slot, starting_owners
from servers import PgBouncer, PostgresServer, wait_until

#: Before the owner's code: what only the garbage collector closes is a leak.
WITHOUT_GARBAGE_COLLECTION = "import gc\n\ngc.disable()\n"

ORIGIN = {"Origin": "https://a.example"}


def each(combinations: list[Combination]) -> pytest.MarkDecorator:
    ids = ["-".join(combination.framework_flavour) for combination in combinations]
    return pytest.mark.parametrize("combination", combinations, ids=ids, indirect=True, scope="module")


#: Flask has neither WebSockets nor mounts.
ASGI = [combination for combination in FLAVOURS if FRAMEWORKS[combination.framework]["interface"] == "asgi"]


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
    folder = tmp_path_factory.mktemp("owner")
    with starting_owners(bake(combination), postgres, pgbouncer, folder, WITHOUT_GARBAGE_COLLECTION) as start:
        yield start


@pytest.fixture(scope="module")
def roomy(start: Start) -> LiveService:
    """A service with as many slots as its strategy has by default."""
    return start()


@pytest.fixture(scope="module")
def narrow(start: Start, combination: Combination) -> LiveService:
    """A service with one slot, for which the next request waits half a second."""
    return start(**one_slot(combination), ADMISSION_TIMEOUT="0.5", OWNER_CORS="1")


@pytest.fixture
def client(roomy: LiveService) -> Iterator[httpx.Client]:
    with roomy.client() as client:
        yield client


@pytest.fixture
def narrow_client(narrow: LiveService) -> Iterator[httpx.Client]:
    with narrow.client() as client:
        yield client


def problem(status: int, title: str, **members: object) -> dict[str, object]:
    return {"type": "about:blank", "title": title, "status": status, **members}


def transactions(service: LiveService) -> int:
    """The clients of the database that are in a transaction."""
    [(count,)] = service.postgres.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND xact_start IS NOT NULL"
        " AND backend_type = 'client backend'",
        [service.database],
    )
    return int(count)


# Errors


def test_mapping_as_detail_becomes_members_of_the_problem(client: httpx.Client) -> None:
    answer = client.get("/owner/mapping")
    assert (answer.status_code, answer.json()) == (400, problem(400, "Out of stock", code=1))


def test_list_as_detail_becomes_the_details_of_the_problem(client: httpx.Client) -> None:
    answer = client.get("/owner/list")
    assert answer.status_code == 400
    assert answer.json().items() >= problem(400, "Bad Request", details=["a", "b"]).items()


def test_text_of_a_refusal_reaches_the_client(client: httpx.Client) -> None:
    answer = client.get("/owner/refused")
    assert (answer.status_code, answer.json()["detail"]) == (422, "The colour is unknown.")


def test_not_modified_has_its_headers_and_no_body(client: httpx.Client) -> None:
    answer = client.get("/owner/not-modified")
    assert (answer.status_code, answer.headers["etag"], answer.content) == (304, '"x"', b"")
    assert "content-type" not in answer.headers


def test_not_modified_leaves_the_connection_usable(roomy: LiveService) -> None:
    connected: list[str] = []

    def note(event: str, _: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            connected.append(event)

    with roomy.client(connections=1) as client:
        client.get("/owner/not-modified", extensions={"trace": note})
        assert client.get("/owner/documented", extensions={"trace": note}).status_code == 200
    assert len(connected) == 1


def test_unexpected_error_is_a_problem_without_its_text(client: httpx.Client) -> None:
    answer = client.get("/owner/boom")
    assert (answer.status_code, answer.json()) == (500, problem(500, "Internal Server Error"))


def test_unexpected_error_is_logged_once(roomy: LiveService, client: httpx.Client) -> None:
    log = Log(roomy)
    client.get("/owner/boom")
    log.settle("/owner/boom")
    [error] = log.errors()
    assert "Traceback" in error["message"]
    assert error["message"].rstrip().endswith("RuntimeError: boom")
    [request] = log.requests("/owner/boom")
    assert request["httpRequest"]["status"] == 500


def test_error_after_the_answer_began_cuts_it(client: httpx.Client) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/owner/boom-later")


def test_error_after_the_answer_began_is_logged_once(roomy: LiveService, client: httpx.Client) -> None:
    log = Log(roomy)
    with suppress(httpx.RemoteProtocolError):
        client.get("/owner/boom-later")
    log.settle("/owner/boom-later")
    [error] = log.errors()
    assert "RuntimeError: boom" in error["message"]
    assert len(log.requests("/owner/boom-later")) == 1


def test_owners_handler_for_every_exception_is_called(start: Start) -> None:
    with start(OWNER_HANDLES_EXCEPTIONS="1").client() as client:
        answer = client.get("/owner/handled")
    assert (answer.status_code, answer.json()) == (418, {"handled": True})


@each(ASGI)
def test_wrong_method_below_a_mounted_application_names_the_right_one(client: httpx.Client) -> None:
    answer = client.post("/owner/below/here")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) - {"OPTIONS"} == {"GET", "HEAD"}


# The document


@pytest.fixture
def document(client: httpx.Client) -> dict[str, Any]:
    document: dict[str, Any] = client.get("/openapi.json").json()
    return document


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].removeprefix("#/components/schemas/")
    return resolved(document, document["components"]["schemas"][name])


def test_owners_error_is_in_the_document(document: dict[str, Any]) -> None:
    responses = document["paths"]["/owner/documented"]["get"]["responses"]
    assert responses["400"]["description"] == "The colour is unknown"


def test_owners_own_documented_error_does_not_disturb_the_answer(client: httpx.Client) -> None:
    assert client.get("/owner/documented").json() == {"status": "ok"}


def test_every_error_in_the_document_is_a_problem(document: dict[str, Any]) -> None:
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    contents = [
        content
        for operation in operations
        for status, response in operation["responses"].items()
        if int(status) >= 400
        for content in response["content"].items()
    ]
    assert {json.dumps(content) for content in contents} == {
        json.dumps(("application/problem+json", {"schema": {"$ref": "#/components/schemas/Problem"}}))
    }


@pytest.mark.parametrize(("path", "title"), [("/owner/numbers", "Number"), ("/owner/words", "Word")])
def test_list_has_a_schema_of_its_own(client: httpx.Client, document: dict[str, Any], path: str, title: str) -> None:
    [item] = client.get(path).json()
    [content] = document["paths"][path]["get"]["responses"]["200"]["content"].values()
    schema = resolved(document, resolved(document, content["schema"])["items"])
    assert (schema["title"], schema["properties"].keys()) == (title, item.keys())


# Logs


def test_frameworks_logger_writes_one_line(roomy: LiveService, client: httpx.Client) -> None:
    log = Log(roomy)
    client.get("/owner/log")
    log.settle("/owner/log")
    entries = [entry for entry in log.entries() if "the owner says" in entry["message"]]
    assert [(entry["severity"], entry["message"]) for entry in entries] == [("INFO", "the owner says hello")]


# Slots


def test_background_work_has_no_slot(narrow: LiveService, narrow_client: httpx.Client) -> None:
    log = Log(narrow)
    assert narrow_client.post("/owner/background").status_code == 202
    try:
        assert narrow_client.get("/notes").status_code == 200
        # The request has its line, and so its latency, while the work still waits.
        assert wait_until(lambda: len(log.requests("/owner/background")) == 1)
    finally:
        assert narrow_client.post("/owner/release").status_code == 204


def test_streamed_rows_arrive(roomy: LiveService, client: httpx.Client) -> None:
    roomy.postgres.execute(
        "TRUNCATE note RESTART IDENTITY; "
        "INSERT INTO note (title, body) SELECT 'Note ' || n, '' FROM generate_series(1, 500) n",
        database=roomy.database,
    )
    assert client.get("/owner/stream").text.splitlines() == [f"Note {number}" for number in range(1, 501)]


@contextmanager
def endless_answer(client: httpx.Client) -> Iterator[None]:
    """Inside the block an answer is on its way that would not end; at its end the client goes away."""
    with client.stream("GET", "/owner/endless") as answer:
        chunks = answer.iter_raw()
        next(chunks)
        yield


def test_streamed_answer_holds_its_slot(narrow: LiveService, narrow_client: httpx.Client) -> None:
    with endless_answer(narrow_client):
        assert narrow_client.get("/notes").status_code == 503


def test_slot_is_free_when_the_client_of_a_streamed_answer_goes_away(
    narrow: LiveService, narrow_client: httpx.Client
) -> None:
    with endless_answer(narrow_client):
        pass
    assert wait_until(lambda: narrow_client.get("/notes").status_code == 200)


def test_head_of_an_endless_answer_ends_at_once(start: Start, combination: Combination) -> None:
    service = start(**one_slot(combination), ADMISSION_TIMEOUT="20")
    with service.client() as client:
        # The client keeps its connection, so nothing but the service ends the stream.
        assert client.head("/owner/endless").status_code == 200
        assert client.get("/notes").status_code == 200


def test_transaction_ends_when_the_client_of_a_streamed_answer_goes_away(
    roomy: LiveService, client: httpx.Client
) -> None:
    with endless_answer(client):
        assert transactions(roomy) == 1
    assert wait_until(lambda: transactions(roomy) == 0)


def test_upload_is_read_as_a_stream(client: httpx.Client) -> None:
    chunks = (b"x" * 10_000 for _ in range(100))
    assert client.post("/owner/upload", content=chunks).json() == {"bytes": 1_000_000}


def address(service: LiveService) -> str:
    return f"{service.process.url.replace('http', 'ws')}/owner/socket"


@each(ASGI)
def test_socket_answers(roomy: LiveService) -> None:
    with connect(address(roomy), proxy=None) as socket:
        socket.send("hello")
        assert socket.recv() == "hello"


@each(ASGI)
def test_socket_is_one_line_of_the_log(roomy: LiveService) -> None:
    log = Log(roomy)
    with connect(address(roomy), proxy=None) as socket:
        socket.send("hello")
        socket.recv()
    log.settle("/owner/socket")
    assert log.paths() == ["/owner/socket", "/nothing"]


@each(ASGI)
def test_socket_holds_its_slot_while_open(narrow: LiveService, narrow_client: httpx.Client) -> None:
    with connect(address(narrow), proxy=None):
        assert narrow_client.get("/notes").status_code == 503
    assert wait_until(lambda: narrow_client.get("/notes").status_code == 200)


@each(ASGI)
def test_socket_beyond_the_slots_is_refused(narrow: LiveService) -> None:
    with occupied(narrow), pytest.raises(InvalidStatus) as refused, connect(address(narrow), proxy=None):
        pass
    assert refused.value.response.status_code == 503


@each(ASGI)
def test_refused_socket_is_one_line_of_the_log(narrow: LiveService) -> None:
    with occupied(narrow):
        log = Log(narrow)
        with suppress(InvalidStatus), connect(address(narrow), proxy=None):
            pass
    log.settle("/owner/socket")
    assert log.paths() == ["/owner/socket", "/notes", "/nothing"]


# The front end, CORS and HEAD


def test_urls_and_address_are_those_that_the_client_knows(client: httpx.Client) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "9.9.9.9, 203.0.113.7", "Host": "notes.example"}
    answer = client.get("/owner/url", headers=headers).json()
    assert answer == {"url": "https://notes.example/owner/url", "client": "203.0.113.7"}


def test_preflight_is_answered_while_every_slot_is_taken(narrow: LiveService, narrow_client: httpx.Client) -> None:
    with occupied(narrow):
        answer = narrow_client.options("/notes", headers={**ORIGIN, "Access-Control-Request-Method": "GET"})
    assert answer.is_success
    assert answer.headers["access-control-allow-origin"] == "https://a.example"


def test_refusal_of_a_full_service_has_the_headers_of_cors(narrow: LiveService, narrow_client: httpx.Client) -> None:
    with occupied(narrow):
        answer = narrow_client.get("/notes", headers=ORIGIN)
    assert answer.status_code == 503
    assert answer.headers["access-control-allow-origin"] == "https://a.example"


@pytest.mark.parametrize("path", ["/health", "/ready", "/notes", "/owner/documented", "/openapi.json", "/nothing"])
def test_head_is_answered_like_get(client: httpx.Client, path: str) -> None:
    get, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    for answer in (get, head):
        answer.headers.pop("date", None)
    assert head.headers == get.headers


def test_slash_too_many_is_not_redirected(client: httpx.Client) -> None:
    assert not client.get("/owner/numbers/").is_redirect
