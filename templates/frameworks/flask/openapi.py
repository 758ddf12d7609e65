"""What goes in and out, as types: requests are validated by them, and the OpenAPI document is made of them.

The document is at /openapi.json and, as a page, at /docs. spectree does both for the query and the body; this module
adds the parameters of the path, and says of each mistake where in the request it is.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from inspect import unwrap
from typing import Any, get_type_hints

from flask import Flask, Response, current_app, request
from pydantic import BaseModel, ValidationError, create_model
from spectree import SpecTree
from spectree.plugins.base import Context
from spectree.plugins.flask_plugin import FlaskPlugin
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from app.problems import MEDIA_TYPE, Problem


class InvalidInputError(Exception):
    """The request does not fit the types of its view function."""

    def __init__(self, mistakes: list[dict[str, Any]]) -> None:
        super().__init__("The input is invalid.")
        self.mistakes = mistakes


class InvalidResponseError(Exception):
    """What a view function returned does not fit the type that it is documented with."""


class Plugin(FlaskPlugin):
    """spectree in Flask."""

    def validate(self, func: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        path = request.view_args or {}
        annotated = dict(read("path", path_model(func, frozenset(path)), path))
        return super().validate(func, *arguments, **named | annotated)

    def request_validation(self, request: Any, query: Any, json: Any, form: Any, headers: Any, cookies: Any) -> None:
        request.context = Context(
            query and read("query", query, values(request.args, query)),
            json and read("body", json, read_json()),
            form and read("body", form, values(request.form, form) | values(request.files, form)),
            headers and read("header", headers, {name.lower(): value for name, value in request.headers}),
            cookies and read("cookie", cookies, values(request.cookies, cookies)),
        )

    def validate_response(self, resp: Any, *arguments: Any) -> tuple[Any, Any]:
        if isinstance(resp, Response) and (resp.is_streamed or resp.direct_passthrough):
            return resp, None
        response, error = super().validate_response(resp, *arguments)
        if error:
            # Its own message holds the values, which are not for clients and logs.
            places = ", ".join(".".join(map(str, mistake["loc"])) for mistake in error.errors())
            raise InvalidResponseError(f"The response does not fit its type in: {places}") from None
        return response, None

    def find_routes(self) -> Iterable[Any]:
        return current_app.url_map.iter_rules()

    def parse_path(self, route: Any, path_parameter_descriptions: Any) -> tuple[str, list[Any]]:
        path, parameters = super().parse_path(route, path_parameter_descriptions)
        view = unwrap(current_app.view_functions[route.endpoint])
        if parameters and not hasattr(view, "view_class"):
            schemas = path_model(view, frozenset(route.arguments)).model_json_schema()["properties"]
            parameters = [{**parameter, "schema": schemas[parameter["name"]]} for parameter in parameters]
        return path, parameters

    def get_func_operation_id(self, func: Callable[..., Any], path: str, method: str) -> str:
        """The view function's name, which makes a readable name in a generated client."""
        return func.__name__

    def register_route(self, app: Flask) -> None:
        page = self.config.page_templates["swagger"].format(
            spec_url="/openapi.json", spec_path="docs", **self.config.swagger_oauth2_config()
        )
        app.add_url_rule("/openapi.json", "openapi", lambda: app.json.response(self.spectree.spec))
        app.add_url_rule("/docs", "openapi_page", lambda: page)


@cache
def path_model(view: Callable[..., Any], names: Collection[str]) -> type[BaseModel]:
    """The path's parameters, as the view function annotates them."""
    hints = get_type_hints(view, include_extras=True) if names else {}
    fields: dict[str, Any] = {name: (hints.get(name, str), ...) for name in names}
    return create_model("Path", **fields)


def values(given: MultiDict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Every value of a field that is a list, and the last of any other."""
    return {name: found if name in list_fields(model) else found[-1] for name, found in given.lists()}


@cache
def list_fields(model: type[BaseModel]) -> set[str]:
    properties = model.model_json_schema().get("properties", {})
    alternatives = {name: [schema, *schema.get("anyOf", [])] for name, schema in properties.items()}
    return {name for name, schemas in alternatives.items() if any(schema.get("type") == "array" for schema in schemas)}


def read(place: str, model: type[BaseModel], value: object) -> BaseModel:
    """What came in, as its type.

    Raises:
        InvalidInputError: it does not fit.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        mistakes = [{**mistake, "loc": (place, *mistake["loc"])} for mistake in error.errors()]
        raise InvalidInputError(mistakes) from None


def read_json() -> Any:
    """The request's body.

    Raises:
        InvalidInputError: it is not JSON, or does not say so.
    """
    try:
        return request.get_json()
    except UnsupportedMediaType:
        message = "Its content type should be application/json"
    except (BadRequest, RecursionError):
        message = "It should be valid JSON"
    raise InvalidInputError([{"loc": ("body",), "msg": message}])


class Document(SpecTree):
    """spectree whose document gives errors the media type that they have, and 422 only to what takes input."""

    @property
    def spec(self) -> dict[str, Any]:
        document: dict[str, Any] = super().spec
        for path in document["paths"].values():
            for operation in path.values():
                if not operation.get("parameters") and "requestBody" not in operation:
                    operation["responses"].pop("422", None)
                name_media_type(operation["responses"])
        return document


def name_media_type(responses: Mapping[str, Any]) -> None:
    for status, response in responses.items():
        if status >= "400" and "application/json" in response.get("content", {}):
            response["content"] = {MEDIA_TYPE: response["content"]["application/json"]}


#: The models of the document by their names.
models: dict[str, type[Any]] = {}


def model_name(model: type[Any]) -> str:
    """The model's name in the document, and so in generated clients.

    Raises:
        ValueError: another model has this name, and the document would hold only one of them.
    """
    if models.setdefault(model.__name__, model) is not model:
        raise ValueError(
            f"Two models are called {model.__name__}: rename one, because the OpenAPI document needs both."
        )
    return model.__name__


api = Document(
    backend=Plugin,
    mode="strict",
    validation_error_model=Problem,
    naming_strategy=model_name,
    nested_naming_strategy=lambda parent, child: child,
)
