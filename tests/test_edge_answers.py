"""What every answer has, and requests at the edges of HTTP, on a live service of each framework, sync and async."""

import re
from contextlib import AbstractContextManager, nullcontext

import pytest

from edge_clients import CHUNKED, JSON, LAST_CHUNK, RawAnswer, RawClient, request, with_length
from live import LiveService, Log, occupied

MALFORMED = {
    "no-http": b"hello\r\n\r\n",
    "header-without-colon": b"GET /notes HTTP/1.1\r\nHost: notes.example\r\nhello\r\n\r\n",
    "length-that-is-no-number": request("POST", "/notes", JSON | {"Content-Length": "many"}),
    "two-lengths": request("POST", "/notes", JSON | {"Content-Length": "1, 2"}),
    "control-character": request("GET", "/notes", {"X-Odd": "a\0b"}),
    "tls": bytes.fromhex("16030100a5010000a10303") + b"\0" * 64 + b"\r\n\r\n",
}

LONG_HEADER = request("GET", "/notes", {"X-Long": "x" * 200_000})

#: A request for each kind of answer, and the statuses that it may have. The service has one slot.
ANSWERS: dict[str, tuple[bytes, set[int]]] = {
    "200": (request("GET", "/notes"), {200}),
    "health": (request("GET", "/health"), {200}),
    "head": (request("HEAD", "/notes"), {200}),
    "stream": (request("GET", "/owner/stream"), {200}),
    "document": (request("GET", "/openapi.json"), {200}),
    "page": (request("GET", "/docs"), {200}),
    "204": (request("POST", "/owner/release", {"Content-Length": 0}), {204}),
    "304": (request("GET", "/owner/not-modified"), {304}),
    "404": (request("GET", "/nothing"), {404}),
    "404-of-handler": (request("GET", "/notes/987654321"), {404}),
    "405": (request("DELETE", "/notes"), {405}),
    "413": (request("POST", "/notes", JSON | {"Content-Length": 10_000_000}), {413}),
    "422": (with_length("POST", "/notes", b"{}"), {422}),
    "500": (request("GET", "/owner/boom"), {500}),
    "503": (request("GET", "/notes"), {503}),
    "long-header": (LONG_HEADER, {400, 431}),
    **{name: (data, {400}) for name, data in MALFORMED.items()},
}

PROBLEMS = [name for name, (_, statuses) in ANSWERS.items() if min(statuses) >= 400]


def answer_to(service: LiveService, name: str) -> RawAnswer:
    data, statuses = ANSWERS[name]
    around: AbstractContextManager[None] = occupied(service) if name == "503" else nullcontext()
    with around, RawClient(service) as client:
        client.send(data)
        answer = client.receive_answer(data.split()[0].decode("latin-1"))
    assert answer.status in statuses, answer
    return answer


@pytest.mark.parametrize("name", ANSWERS)
def test_answer_forbids_guesses_of_its_type(narrow_edge: LiveService, name: str) -> None:
    assert answer_to(narrow_edge, name).headers.get("x-content-type-options") == "nosniff"


@pytest.mark.parametrize("name", PROBLEMS)
def test_problem_is_not_stored(narrow_edge: LiveService, name: str) -> None:
    assert answer_to(narrow_edge, name).headers.get("cache-control") == "no-store"


@pytest.mark.parametrize("name", PROBLEMS)
def test_error_is_a_problem(narrow_edge: LiveService, name: str) -> None:
    answer = answer_to(narrow_edge, name)
    assert answer.is_problem, answer


@pytest.mark.parametrize("name", ANSWERS)
def test_answer_does_not_name_the_server(narrow_edge: LiveService, name: str) -> None:
    assert "server" not in answer_to(narrow_edge, name).headers


def test_page_of_the_document_is_off_by_default(edge: LiveService) -> None:
    with edge.client() as client:
        assert client.get("/docs").status_code == 404


# What is no HTTP


@pytest.mark.parametrize("data", [*MALFORMED.values(), LONG_HEADER], ids=[*MALFORMED, "long-header"])
def test_what_is_no_http_is_one_quiet_line_of_the_log(edge: LiveService, data: bytes) -> None:
    log = Log(edge)
    with RawClient(edge) as client:
        client.send(data)
        client.receive_all()
    log.catch_up()
    [refused] = [entry for entry in log.entries() if entry["message"].startswith("A request could not be read")]
    assert (refused["severity"], refused["httpRequest"]["status"] in {400, 431}) == ("INFO", True)


# The target


def test_absolute_target_is_answered_like_its_path(edge: LiveService) -> None:
    with RawClient(edge) as client:
        client.send(request("GET", "http://notes.example/notes?limit=1"))
        assert client.receive_answer().json()["items"] is not None


def test_absolute_target_is_logged_by_its_path(edge: LiveService) -> None:
    log = Log(edge)
    with RawClient(edge) as client:
        client.send(request("GET", "http://notes.example/notes", {"User-Agent": "absolute"}))
        client.receive_answer()
    log.settle("/notes")
    assert [line["httpRequest"]["requestUrl"] for line in log.requests_of("absolute")] == ["/notes"]


def test_host_of_an_absolute_target_goes_before_the_header(edge: LiveService) -> None:
    with RawClient(edge) as client:
        client.send(request("GET", "http://target.example/owner/url", {"Host": "header.example"}))
        assert client.receive_answer().json()["url"] == "http://target.example/owner/url"


def test_absolute_target_without_a_path_is_the_root(edge: LiveService) -> None:
    log = Log(edge)
    with RawClient(edge) as client:
        client.send(request("GET", "http://notes.example"))
        assert client.receive_answer().status == 404
    log.settle("/")


# HEAD


@pytest.mark.parametrize("path", ["/notes", "/health", "/openapi.json", "/owner/url", "/owner/large", "/nothing"])
def test_head_has_the_headers_of_get(edge: LiveService, path: str) -> None:
    get, head = (answer_until_end(edge, method, path)[0] for method in ("GET", "HEAD"))
    assert head["content-length"] == get["content-length"]
    assert head == get


@pytest.mark.parametrize("path", ["/notes", "/owner/large", "/owner/endless", "/nothing", "/owner/upload"])
def test_head_has_no_body_on_the_wire(edge: LiveService, path: str) -> None:
    _, body = answer_until_end(edge, "HEAD", path)
    assert body == b""


def test_head_is_refused_where_get_is(edge: LiveService) -> None:
    with edge.client() as client:
        get, head = client.get("/owner/upload"), client.head("/owner/upload")
    assert (head.status_code, head.headers["allow"]) == (405, get.headers["allow"])


def answer_until_end(service: LiveService, method: str, path: str) -> tuple[dict[str, str], bytes]:
    """The headers of an answer but for its time, and all that comes after them until the service hangs up."""
    with RawClient(service) as client:
        client.send(request(method, path, {"Connection": "close"}))
        head, _, rest = client.receive_all().partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    headers.pop("date", None)
    return {"": status, **headers}, rest


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_owners_own_route_for_head_is_called(edge: LiveService, method: str) -> None:
    with edge.client() as client:
        assert client.request(method, "/owner/headed").headers["x-answered-by"] == method


@pytest.mark.parametrize("path", ["/notes", "/notes/1", "/health", "/owner/url"])
def test_allowed_methods_name_head_with_get(edge: LiveService, path: str) -> None:
    with edge.client() as client:
        allowed = client.request("PATCH", path).headers["allow"].split(", ")
    assert {"GET", "HEAD"} <= set(allowed)


# Two lengths

HIDDEN = request("GET", "/owner/url")

#: The second request is hidden from those who go by Content-Length, and not from those who go by the chunks.
TWO_LENGTHS = with_length("POST", "/owner/release", LAST_CHUNK + HIDDEN, CHUNKED)


def statuses(received: bytes) -> list[str]:
    return re.findall(r"HTTP/1\.1 (\d+)", received.decode("latin-1"))


def test_connection_with_two_lengths_is_closed_after_its_answer(edge: LiveService) -> None:
    with RawClient(edge) as client:
        client.send(with_length("POST", "/owner/release", LAST_CHUNK, CHUNKED))
        # Said in the answer: the connection does not end because nothing more comes.
        assert client.receive_answer().headers["connection"] == "close"
        assert client.receive_all() == b""


def test_request_hidden_by_two_lengths_is_not_answered(edge: LiveService) -> None:
    with RawClient(edge) as client:
        client.send(TWO_LENGTHS)
        assert len(statuses(client.receive_all())) == 1


def test_request_hidden_by_two_lengths_does_not_come_to_the_application(edge: LiveService) -> None:
    log = Log(edge)
    with RawClient(edge) as client:
        client.send(TWO_LENGTHS)
        client.receive_all()
    log.catch_up()
    assert log.requests("/owner/url") == []


# Who says what about a request


@pytest.mark.parametrize(
    "header",
    [
        "SCRIPT_NAME: /x",
        "Script-Name: /x",
        "X-Forwarded-Prefix: /x",
        "X_Forwarded_Prefix: /x",
        "X_Forwarded_Proto: https",
        "X-Forwarded-Protocol: https",
        "X-Forwarded-Scheme: https",
        "X-Forwarded-Ssl: on",
        "X-Scheme: https",
        "X-Url-Scheme: https",
        "Front-End-Https: on",
        "X-Forwarded-Host: other.example",
        "X-Forwarded-Port: 1234",
        "Forwarded: proto=https;host=other.example",
        "Path-Info: /owner/boom",
    ],
)
def test_header_that_the_front_end_does_not_write_changes_nothing(edge: LiveService, header: str) -> None:
    name, value = header.split(": ")
    with RawClient(edge) as client:
        client.send(request("GET", "/owner/url", {name: value}))
        assert client.receive_answer().json() == {"url": "http://notes.example/owner/url", "client": "127.0.0.1"}


def test_scheme_of_the_front_end_goes_before_one_with_underscores(edge: LiveService) -> None:
    with RawClient(edge) as client:
        client.send(request("GET", "/owner/url", {"X-Forwarded-Proto": "https", "X_Forwarded_Proto": "http"}))
        assert client.receive_answer().json()["url"] == "https://notes.example/owner/url"
