"""The OpenAPI document, at /openapi.json and, as a page, at /docs."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from app.web.documented_errors import document_errors


class Application(FastAPI):
    """FastAPI whose document says how errors are answered here."""

    def openapi(self) -> dict[str, Any]:
        if not self.openapi_schema:
            self.openapi_schema = document_errors(super().openapi())
        return self.openapi_schema


def operation_id(route: APIRoute) -> str:
    """The handler's name, which makes a readable name in a generated client."""
    return route.name
