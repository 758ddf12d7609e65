"""The OpenAPI document at /openapi.json, and its page at /docs."""

from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute

from app.web import docs_page
from app.web.documented_errors import document_errors


class Application(FastAPI):
    """FastAPI whose document says how errors are answered here."""

    def openapi(self) -> dict[str, Any]:
        if not self.openapi_schema:
            self.openapi_schema = document_errors(super().openapi())
        return self.openapi_schema


def add_page(app: FastAPI) -> None:
    """Serve the page of this application's document."""

    @app.get("/docs", include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse(docs_page.page(app.title), headers=docs_page.HEADERS)


def operation_id(route: APIRoute) -> str:
    """The handler's name, which makes a readable name in a generated client."""
    return route.name
