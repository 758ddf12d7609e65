"""The OpenAPI document, at /openapi.json and, as a page, at /docs."""

from collections.abc import Mapping
from http import HTTPMethod, HTTPStatus
from typing import Any

from litestar import Litestar, Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import SwaggerRenderPlugin

from app.problems import MEDIA_TYPE, Problem


def config(title: str) -> OpenAPIConfig:
    return OpenAPIConfig(
        title=title,
        version="0.1.0",
        path="/docs",
        render_plugins=[SwaggerRenderPlugin(path="/")],
        operation_id_creator=operation_id,
        use_handler_docstrings=True,
    )


@get("/openapi.json", include_in_schema=False)
async def document(request: Request[Any, Any, Any]) -> dict[str, Any]:
    return request.app.openapi_schema.to_schema()


def operation_id(handler: HTTPRouteHandler, method: object, path: object) -> str:
    """The handler's name, which makes a readable name in a generated client."""
    return handler.handler_name


def problems(descriptions: Mapping[HTTPStatus, str]) -> dict[int, ResponseSpec]:
    """What a handler answers when something is wrong, for its responses."""
    return {
        status: ResponseSpec(Problem, description=description, media_type=MEDIA_TYPE, generate_examples=False)
        for status, description in descriptions.items()
    }


def forget_bad_request(app: Litestar) -> None:
    """Take out the 400 that Litestar documents for invalid input, which this service answers with 422."""
    for path in (app.openapi_schema.paths or {}).values():
        for method in HTTPMethod:
            operation = getattr(path, method.lower(), None)
            if operation and operation.responses:
                operation.responses.pop(str(HTTPStatus.BAD_REQUEST.value), None)
