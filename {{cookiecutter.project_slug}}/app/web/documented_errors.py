"""The errors that every operation in the OpenAPI document gets without its handler naming them."""

from collections.abc import Iterator, Sequence
from http import HTTPMethod
from typing import Any

from app.web.admission import ALWAYS_ADMITTED
from app.web.problems import MEDIA_TYPE, Problem

Document = dict[str, Any]

SCHEMAS = "#/components/schemas/"

#: The frameworks' schemas for invalid input; this service answers with a problem document instead.
REPLACED = ("HTTPValidationError", "ValidationError")


def document_errors(document: Document) -> Document:
    """Add 422 to each operation with input, 503 to each that needs a slot, and the media type of problem documents."""
    for path, operation in operations(document):
        responses = operation["responses"]
        if refers_to(REPLACED, responses.get("422")):
            del responses["422"]
        if operation.get("parameters") or "requestBody" in operation:
            responses.setdefault("422", problem_response("The input is invalid"))
        if path not in ALWAYS_ADMITTED:
            responses.setdefault("503", problem_response("The database is asleep or busy"))
        for response in responses.values():
            if refers_to([Problem.__name__], response):
                response["content"] = problem_response("")["content"]
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(problem_schemas())
    for name in REPLACED:
        schemas.pop(name, None)
    return document


def operations(document: Document) -> Iterator[tuple[str, Document]]:
    """Each operation with its path."""
    for path, item in document["paths"].items():
        for method in HTTPMethod:
            if method.lower() in item:
                yield path, item[method.lower()]


def problem_response(description: str) -> Document:
    schema = {"$ref": SCHEMAS + Problem.__name__}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


def problem_schemas() -> Document:
    """The schemas of a problem by their names."""
    schema = Problem.model_json_schema(ref_template=SCHEMAS + "{model}")
    parts: Document = schema.pop("$defs")
    return parts | {Problem.__name__: schema}


def refers_to(names: Sequence[str], response: Document | None) -> bool:
    """Whether the response's content is one of these schemas."""
    contents = (response or {}).get("content", {}).values()
    return any(content.get("schema") == {"$ref": SCHEMAS + name} for content in contents for name in names)
