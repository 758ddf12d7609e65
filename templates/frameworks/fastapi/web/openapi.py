"""The OpenAPI document, at /openapi.json and, as a page, at /docs."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from app.problems import MEDIA_TYPE


class Service(FastAPI):
    """FastAPI whose OpenAPI document gives errors the media type that they have."""

    def openapi(self) -> dict[str, Any]:
        if not self.openapi_schema:
            for path in super().openapi()["paths"].values():
                for operation in path.values():
                    name_media_type(operation["responses"])
        return super().openapi()


def name_media_type(responses: dict[str, Any]) -> None:
    for status, response in responses.items():
        if status >= "400" and "application/json" in response.get("content", {}):
            response["content"] = {MEDIA_TYPE: response["content"]["application/json"]}


def operation_id(route: APIRoute) -> str:
    """The handler's name, which makes a readable name in a generated client."""
    return route.name
