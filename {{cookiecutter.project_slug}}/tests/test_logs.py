"""What the service logs."""

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from app.logs import JSONFormatter, log_request
from app.web.trace import trace_of
from tests.conftest import StartService
from tests.process import ServiceProcess
from tests.settings import environment

TRACE = "0af7651916cd43dd8448eb211c80319c"


def request_entries(service: ServiceProcess, path: str) -> list[dict[str, Any]]:
    """The log entries of the requests to this path. Waits for the first one."""
    service.wait_for_entry(f'"requestUrl": "{path}"')
    return [entry for entry in service.entries() if entry.get("httpRequest", {}).get("requestUrl") == path]


def test_each_request_is_one_entry(service: ServiceProcess, service_client: httpx2.Client) -> None:
    service_client.get("/notes/701", params={"token": "not-a-real-secret"}, headers={"user-agent": "tests"})
    [entry] = request_entries(service, "/notes/701")
    assert entry["severity"] == "INFO"
    request = entry["httpRequest"]
    assert request.pop("latency").endswith("s")
    assert request == {"requestMethod": "GET", "requestUrl": "/notes/701", "status": 404, "userAgent": "tests"}
    assert "not-a-real-secret" not in service.log.read_text(encoding="utf-8")


def test_health_is_not_logged(service: ServiceProcess, service_client: httpx2.Client) -> None:
    service_client.get("/health")
    service_client.get("/notes/702")
    assert request_entries(service, "/notes/702")
    assert "/health" not in service.log.read_text(encoding="utf-8")


def test_entries_name_the_trace_of_their_request(start_service: StartService) -> None:
    service = start_service(GOOGLE_CLOUD_PROJECT="my-gcp-project")
    with service.client() as client:
        client.get("/notes/703", headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
        client.get("/notes/704", headers={"x-cloud-trace-context": f"{TRACE}/255;o=0"})
        client.get("/notes/705")
    [standard] = request_entries(service, "/notes/703")
    assert standard["logging.googleapis.com/trace"] == f"projects/my-gcp-project/traces/{TRACE}"
    assert standard["logging.googleapis.com/spanId"] == "b7ad6b7169203331"
    assert standard["logging.googleapis.com/trace_sampled"] is True
    [older] = request_entries(service, "/notes/704")
    assert older["logging.googleapis.com/trace"] == f"projects/my-gcp-project/traces/{TRACE}"
    assert older["logging.googleapis.com/spanId"] == "00000000000000ff"
    assert older["logging.googleapis.com/trace_sampled"] is False
    [none] = request_entries(service, "/notes/705")
    assert "logging.googleapis.com/trace" not in none


@pytest.mark.parametrize(
    ("headers", "span", "sampled"),
    [
        ([(b"traceparent", f"00-{TRACE}-b7ad6b7169203331-03")], "b7ad6b7169203331", True),
        ([(b"traceparent", f"00-{TRACE}-b7ad6b7169203331-02")], "b7ad6b7169203331", False),
        ([(b"traceparent", f"01-{TRACE}-b7ad6b7169203331-01-more")], "b7ad6b7169203331", True),
        ([(b"traceparent", "broken"), (b"x-cloud-trace-context", f"{TRACE}/1;o=1")], "0000000000000001", True),
        ([(b"x-cloud-trace-context", f"{TRACE}/{2**64 - 1}")], "ffffffffffffffff", False),
        ([(b"x-cloud-trace-context", f"{TRACE}/0;o=1")], None, True),
        ([(b"x-cloud-trace-context", TRACE)], None, False),
    ],
)
def test_headers_that_name_a_trace(headers: list[tuple[bytes, str]], span: str | None, sampled: bool) -> None:
    assert trace_of([(name, value.encode()) for name, value in headers], "my-gcp-project") == {
        "logging.googleapis.com/trace": f"projects/my-gcp-project/traces/{TRACE}",
        **({"logging.googleapis.com/spanId": span} if span else {}),
        "logging.googleapis.com/trace_sampled": sampled,
    }


@pytest.mark.parametrize(
    "value",
    [
        "",
        "/",
        "not a trace",
        f"{TRACE}/{'9' * 5000}",
        f"{TRACE}/{2**64}",
        f"{'0' * 32}/1",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-b7ad6b7169203331-01",
        f"00-{TRACE}-b7ad6b7169203331-01-more",
        f"01-{TRACE}-b7ad6b7169203331-01.more",
        f"ff-{TRACE}-b7ad6b7169203331-01",
    ],
)
def test_headers_that_name_none(value: str) -> None:
    headers = [(name, value.encode()) for name in (b"traceparent", b"x-cloud-trace-context")]
    assert trace_of(headers, "my-gcp-project") == {}


def test_header_that_comes_twice_names_no_trace() -> None:
    values = [f"00-{TRACE}-b7ad6b716920333{digit}-01".encode() for digit in "12"]
    assert trace_of([(b"traceparent", value) for value in values], "my-gcp-project") == {}


class Unwritable:
    def __str__(self) -> str:
        raise ValueError("It has no text.")

    __repr__ = __str__


CIRCULAR: list[Any] = []
CIRCULAR.append(CIRCULAR)


def entry_of(message: object = "", *arguments: object, level: int = logging.INFO, **attributes: Any) -> dict[str, Any]:
    """The entry of a record. Fails if it is not one line of strict JSON that Cloud Logging takes."""
    record = logging.LogRecord("tests", level, __file__, 1, message, arguments, None)
    vars(record).update(attributes)
    line = JSONFormatter().format(record)
    assert len(line.splitlines()) == 1
    assert len(line.encode()) < 250 * 1024
    return dict(json.loads(line, parse_constant=pytest.fail))


def error_of(work: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        work()
    return caught.value


@pytest.mark.parametrize(
    ("value", "logged"),
    [
        ("Käse", "Käse"),
        ("line\u2028line\x85line", "line\u2028line\x85line"),
        ("\udc80", r"\udc80"),
        (float("nan"), "nan"),
        ({"mean": float("inf"), "count": 1}, {"mean": "inf", "count": 1}),
        (b"\xff", r"b'\xff'"),
        (Unwritable(), "<Unwritable that cannot be written>"),
        ([Unwritable(), 1], ["<Unwritable that cannot be written>", 1]),
        ({1: "a", "1": "b", (2, 3): "c"}, {"1": "a", "1_": "b", "(2, 3)": "c"}),
    ],
)
def test_field_of_any_value_is_logged(value: object, logged: object) -> None:
    entry = entry_of("hello", fields={"value": value, "other": 1})
    assert (entry["message"], entry["value"], entry["other"]) == ("hello", logged, 1)


def test_value_that_holds_itself_ends_somewhere() -> None:
    assert isinstance(entry_of(fields={"value": CIRCULAR})["value"], list)


def test_field_does_not_replace_what_each_entry_has() -> None:
    entry = entry_of("hello", fields={"message": "other", "severity": "none", "severity_": "some"})
    assert (entry["message"], entry["severity"]) == ("hello", "INFO")
    assert (entry["message_"], {entry["severity_"], entry["severity__"]}) == ("other", {"none", "some"})


@pytest.mark.parametrize(
    ("level", "severity"), [(5, "DEBUG"), (15, "DEBUG"), (25, "INFO"), (35, "WARNING"), (45, "ERROR"), (55, "CRITICAL")]
)
def test_level_between_two_has_the_severity_of_the_lower_one(level: int, severity: str) -> None:
    assert entry_of(level=level)["severity"] == severity


@pytest.mark.parametrize(
    ("message", "arguments"), [("%d notes", ("many",)), ("notes", ("many",)), ("%s many", (Unwritable(),))]
)
def test_message_whose_arguments_do_not_fit_is_logged_as_it_is(message: str, arguments: tuple[object, ...]) -> None:
    assert entry_of(message, *arguments)["message"].startswith(f"{message} ")


def test_long_message_and_long_fields_keep_their_beginning_and_their_end() -> None:
    long = f"begin{'-' * 1_000_000}end"
    entry = entry_of(long, fields={"text": long, "list": [0] * 1_000_000, "number": 1})
    for text in (entry["message"], entry["text"]):
        assert text.startswith("begin")
        assert text.endswith("end")
    assert entry["list"][-1].endswith("more were left out")
    assert entry["number"] == 1


def test_long_traceback_keeps_its_beginning_and_the_error() -> None:
    def fail(depth: int) -> None:
        fail_again(depth) if depth else int("x" * 1_000_000 + "\udc80")

    def fail_again(depth: int) -> None:
        fail(depth - 1)

    error = error_of(lambda: fail(300))
    lines = entry_of("It failed.", exc_info=(type(error), error, error.__traceback__))["message"].splitlines()
    assert lines[:2] == ["It failed.", "Traceback (most recent call last):"]
    assert lines[-1].startswith("ValueError: invalid literal for int() with base 10: 'xxx")


def test_stack_is_a_part_of_the_message() -> None:
    assert entry_of("hello", stack_info="Stack (most recent call last):")["message"].splitlines()[1].startswith("Stack")


def test_request_is_logged_with_its_path_cut(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log_request("GET", "/" + 30_000 * "é", 404, "x" * 30_000, 0.1, {})
    [record] = caplog.records
    request = json.loads(JSONFormatter().format(record))["httpRequest"]
    assert len(request["requestUrl"].encode()) <= 2048
    assert len(request["userAgent"]) <= 2048
    assert " of 30001 characters " in request["requestUrl"]


#: Python code, and the severity and the message of the one line that it logs.
CODE = {
    "import missing_package": ("CRITICAL", "The process ends: ModuleNotFoundError: No module named 'missing_package'"),
    "import threading; threading.Thread(target=lambda: 1 / 0).start()": ("ERROR", "Thread-1"),
    "import warnings; warnings.warn('careful', stacklevel=1)": ("WARNING", "UserWarning: careful"),
    "import logging; logging.error('\\udc80 ü')": ("ERROR", r"\udc80 ü"),
}


@pytest.mark.parametrize("code", CODE)
def test_process_logs_one_line_in_utf8(code: str) -> None:
    command = [sys.executable, "-c", f"from app import logs; logs.configure(); {code}"]
    settings = environment(PYTHONIOENCODING="latin-1")
    done = subprocess.run(command, env=settings, capture_output=True, encoding="utf-8", check=False)
    [line] = done.stdout.splitlines()
    entry = json.loads(line)
    severity, said = CODE[code]
    assert entry["severity"] == severity
    assert said in entry["message"]
    assert not done.stderr
