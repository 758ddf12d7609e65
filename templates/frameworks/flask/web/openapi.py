"""The types of the views: requests and responses are validated by them, and the OpenAPI document is made of them.

spectree reads them: a view says what it takes by its parameters query, json, form, headers and cookies and those of its
path, and what it answers by resp. The document is at /openapi.json, its page at /docs.
"""

import json
from collections.abc import Callable, Iterator
from copy import copy
from functools import cache
from inspect import unwrap
from types import GenericAlias
from typing import Any, get_type_hints

from flask import Flask, Response, current_app, make_response, request
from pydantic import BaseModel, TypeAdapter, create_model
from pydantic.json_schema import JsonSchemaMode
from spectree import SpecTree
from spectree.model_adapter.pydantic_adapter import PydanticModelAdapter
from spectree.plugins.base import Context
from spectree.plugins.flask_plugin import FlaskPlugin

from app.web import docs_page
from app.web.bodies import read_as, read_json, type_adapter, values
from app.web.documented_errors import SCHEMAS, Document, document_errors, operations
from app.web.responses import to_json


class HTTPValidationError(BaseModel):
    """What spectree documents for invalid input by itself; document_errors() replaces it."""


class AnyType(PydanticModelAdapter):
    """pydantic for spectree, which by itself takes only models; here a type may also be list[NoteRead]."""

    def is_model_type(self, value: Any) -> bool:
        return True

    def make_list_model(self, model: Any) -> Any:
        return GenericAlias(list, model)

    def json_schema(self, model: Any, *, ref_template: str, mode: JsonSchemaMode = "validation") -> dict[str, Any]:
        return type_adapter(model).json_schema(ref_template=ref_template, mode=mode)


class Plugin(FlaskPlugin):
    """How spectree works in this service."""

    def validate(self, func: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Call the view. spectree leaves the parameters of the path as text."""
        path = request.view_args or {}
        read = read_as(path_model(func, frozenset(path)), "path", path)
        return super().validate(func, *arguments, **named | dict(read))

    def request_validation(self, request: Any, query: Any, json: Any, form: Any, headers: Any, cookies: Any) -> None:
        """Read the request. spectree takes bad JSON for an empty object, and does not say which part has a mistake."""
        request.context = Context(
            query and read_as(query, "query", values(request.args, query)),
            json and read_as(json, "body", read_json()),
            form and read_as(form, "body", values(request.form, form) | values(request.files, form)),
            headers and read_as(headers, "header", {name.lower(): value for name, value in request.headers}),
            cookies and read_as(cookies, "cookie", values(request.cookies, cookies)),
        )

    def validate_response(self, resp: Any, resp_model: Any, *options: Any) -> tuple[Response, None]:
        """Make the response. spectree would read all of a stream, and show clients the values that do not fit."""
        content, *rest = resp if isinstance(resp, tuple) else (resp,)
        status = next((part for part in rest if isinstance(part, int)), 200)
        model = resp_model and resp_model.find_model(status)
        if not isinstance(content, Response) and (model or isinstance(content, BaseModel)):
            content = Response(to_json(model or type(content), content), mimetype="application/json")
        return make_response(content, *rest), None

    def parse_path(self, route: Any, path_parameter_descriptions: Any) -> tuple[str, list[Any]]:
        """Document the path. spectree knows its parameters only by their converters, not by the types of the view."""
        path, parameters = super().parse_path(route, path_parameter_descriptions)
        view = unwrap(current_app.view_functions[route.endpoint])
        # The methods of a class may differ in their types.
        if not hasattr(view, "view_class"):
            schemas = path_model(view, frozenset(route.arguments)).model_json_schema()["properties"]
            for parameter in parameters:
                parameter["schema"] = schemas.get(parameter["name"], parameter["schema"])
        return path, parameters

    def get_func_operation_id(self, func: Callable[..., Any], path: str, method: str) -> str:
        """The view's name, which makes a readable name in a generated client."""
        return func.__name__


@cache
def path_model(view: Callable[..., Any], names: frozenset[str]) -> type[BaseModel]:
    """The parameters of the path that the view gives a type."""
    hints = get_type_hints(view, include_extras=True) if names else {}
    fields: dict[str, Any] = {name: (hints[name], ...) for name in names & hints.keys()}
    return create_model("Path", **fields)


#: The types of all views, with the names that spectree gives them for a while.
temporary_names: dict[Any, str] = {}


def temporary_name(model: Any) -> str:
    return temporary_names.setdefault(model, f"type{len(temporary_names)}")


api = SpecTree(
    backend=Plugin,
    mode="strict",
    model_adapter=AnyType(),  # type: ignore[arg-type]  # as spectree's own adapter
    validation_error_model=HTTPValidationError,
    naming_strategy=temporary_name,
    nested_naming_strategy=lambda parent, child: child,
)


def add_document(app: Flask, title: str) -> None:
    """Serve the document of this application's views."""

    @cache
    def document() -> Document:
        # spectree keeps the first document that it makes, so each application asks an object of its own.
        document = document_errors(name_schemas(copy(api).spec))
        document["info"]["title"] = title
        return document

    app.add_url_rule("/openapi.json", "openapi", lambda: Response(json.dumps(document()), mimetype="application/json"))


def add_page(app: Flask, title: str) -> None:
    """Serve the page of the document."""
    page = docs_page.page(title)
    app.add_url_rule("/docs", "openapi_page", lambda: Response(page, headers=docs_page.HEADERS, mimetype="text/html"))


def name_schemas(document: Document) -> Document:
    """Replace the temporary names by those that pydantic finds for all types together.

    They are legal (Page_NoteRead_). They tell apart models of one name, and what a model takes from what it gives.
    """
    contents = list(contents_of(document))
    uses = {(name, mode) for _, name, mode in contents}
    # The types of queries, headers and cookies stand in no content, but their parameters refer to parts of them.
    uses |= {(name, "validation") for name in temporary_names.values() if (name, "serialization") not in uses}
    types = {name: model for model, name in temporary_names.items()}
    schemas, definitions = TypeAdapter.json_schemas(
        [(name, mode, type_adapter(types[name])) for name, mode in sorted(uses)], ref_template=SCHEMAS + "{model}"
    )
    for content, name, mode in contents:
        content["schema"] = schemas[name, mode]
    document["components"]["schemas"] = definitions.get("$defs", {})
    return document


def contents_of(document: Document) -> Iterator[tuple[dict[str, Any], str, JsonSchemaMode]]:
    """Each content of a request or response, the name of its type, and what is done with it."""
    for _, operation in operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            yield content, name_in(content), "validation"
        for response in operation["responses"].values():
            for content in response.get("content", {}).values():
                yield content, name_in(content), "serialization"


def name_in(content: dict[str, Any]) -> str:
    reference: str = content["schema"]["$ref"]
    return reference.removeprefix(SCHEMAS)
