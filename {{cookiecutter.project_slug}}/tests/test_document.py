"""The OpenAPI document."""

from collections import Counter
from typing import Any

import pytest

from tests.application import Client


@pytest.fixture
def document(client: Client) -> dict[str, Any]:
    document: dict[str, Any] = client.get("/openapi.json").json()
    return document


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


def test_every_schema_that_is_named_is_there(document: dict[str, Any]) -> None:
    assert set(references(document)) <= {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}


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
