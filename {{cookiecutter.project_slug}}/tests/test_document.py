"""The OpenAPI document."""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from app.database.base import LARGEST_ID
from app.web.pages import LONGEST_PAGE
from tests.application import Client, open_client
from tests.conftest import Configure

#: Where frameworks and their plugins put pages of their own.
OTHER_PAGES = [
    "/docs/oauth2-redirect",
    "/docs/openapi.json",
    "/docs/swagger",
    "/redoc",
    "/schema",
    "/schema/openapi.json",
    "/apidoc/openapi.json",
    "/apidoc/swagger",
    "/openapi.json/openapi.json",
    "/openapi.yaml",
]


@pytest.fixture
def document(client: Client) -> dict[str, Any]:
    document: dict[str, Any] = client.get("/openapi.json").json()
    return document


@pytest.fixture
def client_with_docs(database: str, configure: Configure) -> Iterator[Client]:
    """A client of an application that serves the page."""
    configure(DATABASE_URL=database, DOCS="true")
    with open_client() as client:
        yield client


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Each operation by its path and method."""
    return {(path, method): operation for path, item in document["paths"].items() for method, operation in item.items()}


def test_every_problem_has_its_media_type(document: dict[str, Any]) -> None:
    media_types = {
        media_type
        for operation in operations(document).values()
        for response in operation["responses"].values()
        for media_type, content in response.get("content", {}).items()
        if content["schema"] == {"$ref": "#/components/schemas/Problem"}
    }
    assert media_types == {"application/problem+json"}


def test_invalid_input_is_a_problem_wherever_there_is_input(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        if operation.get("parameters") or "requestBody" in operation:
            assert "422" in operation["responses"], name
    assert not {"HTTPValidationError", "ValidationError"} & document["components"]["schemas"].keys()


def test_operations_have_names_of_their_own_for_client_code(document: dict[str, Any]) -> None:
    names = Counter(operation["operationId"] for operation in operations(document).values())
    assert names.keys() >= {"health", "ready", "create_note", "list_notes", "read_note", "replace_note", "delete_note"}
    assert not [name for name, count in names.items() if count > 1]


def test_numbers_of_a_url_have_their_bounds(document: dict[str, Any]) -> None:
    schemas = {
        parameter["name"]: parameter["schema"]
        for path in ("/notes", "/notes/{note_id}")
        for parameter in document["paths"][path]["get"]["parameters"]
    }
    bounds = {"note_id": (1, LARGEST_ID), "after": (0, LARGEST_ID), "limit": (1, LONGEST_PAGE)}
    for name, (least, most) in bounds.items():
        assert schemas[name]["type"] == "integer"
        assert (schemas[name]["minimum"], schemas[name]["maximum"]) == (least, most)


def test_every_schema_that_is_named_is_there(document: dict[str, Any]) -> None:
    assert set(references(document)) <= {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}


def test_without_the_setting_there_is_the_document_and_no_page(client: Client) -> None:
    assert client.get("/openapi.json").status_code == 200
    assert client.get("/docs").status_code == 404
    assert_nothing_at_other_pages(client)


def test_with_the_setting_there_is_one_page(client_with_docs: Client) -> None:
    page = client_with_docs.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "/openapi.json" in page.text
    assert "/docs" not in client_with_docs.get("/openapi.json").json()["paths"]
    assert_nothing_at_other_pages(client_with_docs)


def test_page_runs_only_what_its_hashes_name(client_with_docs: Client) -> None:
    page = client_with_docs.get("/docs")
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"

    tags = [tag for tag in re.findall(r"<(?:script|link) [^>]*>", page.text) if 'href="data:' not in tag]
    allowed = f"{policy['script-src']} {policy['style-src']}".split()
    for tag in tags:
        attributes = dict(re.findall(r'([a-z]+)="([^"]*)"', tag))
        address = attributes.get("src") or attributes["href"]
        assert re.search(r"^https://[^/]+/.+@\d+\.\d+\.\d+/", address), f"{address} is of no exact version"
        assert re.fullmatch("sha384-[A-Za-z0-9+/]{64}", attributes["integrity"])
        assert attributes["crossorigin"] == "anonymous"
        allowed.remove(address)

    [start] = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(start.encode()).digest()).decode()
    assert allowed == [f"'sha256-{digest}'"]
    assert len(tags) == 2


def assert_nothing_at_other_pages(client: Client) -> None:
    for path in OTHER_PAGES:
        response = client.get(path)
        assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json"), path


def references(part: Any) -> list[str]:
    """The schemas that this part of the document refers to."""
    match part:
        case {"$ref": str(reference)}:
            return [reference]
        case dict():
            return [reference for value in part.values() for reference in references(value)]
        case list():
            return [reference for value in part for reference in references(value)]
    return []
