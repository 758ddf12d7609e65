"""The OpenAPI document at /openapi.json, and its page at /docs."""

from dataclasses import dataclass, fields
from typing import Any

from litestar import Request, Response, Router, get
from litestar.enums import MediaType
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import OpenAPI
from litestar.routes import BaseRoute
from litestar.types import ControllerRouterHandler

from app.web import docs_page
from app.web.documented_errors import Document, document_errors, operations, problem_response

#: What Litestar's schema of an error has.
ERROR_MEMBERS = {"status_code", "detail", "extra"}

#: How Litestar describes the error that it documents with status 400 for each handler that takes input.
INVALID_INPUT = "Validation Exception"


class CompleteDocument(OpenAPI):
    """Litestar's document, changed to say how errors are answered here."""

    def to_schema(self) -> Document:
        return document_errors(replace_errors(super().to_schema()))


@dataclass
class Config(OpenAPIConfig):
    def to_openapi_schema(self) -> OpenAPI:
        """Begin the document; Litestar adds the paths to it."""
        plain = super().to_openapi_schema()
        return CompleteDocument(**{member.name: getattr(plain, member.name) for member in fields(plain)})


class WithoutRoutes(Router):
    """In the place of the router that Litestar fills with pages of its own, even for paths that are not there."""

    def register(self, value: ControllerRouterHandler) -> list[BaseRoute]:
        return []


def config(title: str) -> OpenAPIConfig:
    return Config(
        title=title,
        version="0.1.0",
        openapi_router=WithoutRoutes("/", route_handlers=[]),
        operation_id_creator=operation_id,
        use_handler_docstrings=True,
    )


@get("/openapi.json", include_in_schema=False)
async def document(request: Request[Any, Any, Any]) -> Document:
    return request.app.openapi_schema.to_schema()


@get("/docs", include_in_schema=False, media_type=MediaType.HTML)
async def page(request: Request[Any, Any, Any]) -> Response[str]:
    return Response(docs_page.page(request.app.openapi_schema.info.title), headers=docs_page.HEADERS)


def operation_id(handler: HTTPRouteHandler, method: object, path: object) -> str:
    """The handler's name, which makes a readable name in a generated client."""
    return handler.handler_name


def replace_errors(document: Document) -> Document:
    """Document as a problem each error that a handler names in raises, and invalid input as 422 in the place of 400."""
    for _, operation in operations(document):
        responses = operation["responses"]
        for status, response in list(responses.items()):
            errors = documented_exceptions(response)
            if errors == [INVALID_INPUT]:
                del responses[status]
                responses.setdefault("422", problem_response("The input is invalid"))
            elif errors:
                responses[status] = problem_response(response["description"])
    return document


def documented_exceptions(response: Document) -> list[str]:
    """The descriptions of the exceptions for which Litestar has documented this response."""
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    return [
        option["description"]
        for option in schema.get("oneOf", [schema])
        if option.get("properties", {}).keys() == ERROR_MEMBERS
    ]
