"""What the service logs."""

from typing import Any

import httpx2
import pytest

from app.logs import trace_of
from tests.conftest import StartService
from tests.process import ServiceProcess

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
    assert "not-a-real-secret" not in service.log.read_text()


def test_health_is_not_logged(service: ServiceProcess, service_client: httpx2.Client) -> None:
    service_client.get("/health")
    service_client.get("/notes/702")
    assert request_entries(service, "/notes/702")
    assert "/health" not in service.log.read_text()


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
        ({"traceparent": f"00-{TRACE}-b7ad6b7169203331-03"}, "b7ad6b7169203331", True),
        ({"traceparent": f"00-{TRACE}-b7ad6b7169203331-02"}, "b7ad6b7169203331", False),
        ({"traceparent": "broken", "x-cloud-trace-context": f"{TRACE}/1;o=1"}, "0000000000000001", True),
        ({"x-cloud-trace-context": TRACE}, "0000000000000000", False),
    ],
)
def test_headers_that_name_a_trace(headers: dict[str, str], span: str, sampled: bool) -> None:
    assert trace_of(headers, "my-gcp-project") == {
        "logging.googleapis.com/trace": f"projects/my-gcp-project/traces/{TRACE}",
        "logging.googleapis.com/spanId": span,
        "logging.googleapis.com/trace_sampled": sampled,
    }


@pytest.mark.parametrize("value", ["", "/", f"{TRACE}/{'9' * 5000}", "not a trace"])
def test_headers_that_name_none(value: str) -> None:
    assert trace_of({"traceparent": value, "x-cloud-trace-context": value}, "my-gcp-project") == {}
