"""The web application: its routes, its middleware and its error handlers."""

import asyncio

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from app.models import resolve_relationships
from app.notes import routes as notes
from app.settings import get_settings
from app.web import error_handlers, health, openapi
from app.web.admission import Admission
from app.web.body_limits import BodyLimits
from app.web.edge import add_edge
from app.web.front_end import FrontEnd
from app.web.lifespan import lifespan


def create_app() -> FastAPI:
    """Make the application for the environment's settings.

    Raises:
        pydantic.ValidationError: a setting is missing or wrong.
    """
    settings = get_settings()
    resolve_relationships()
    app = openapi.Application(
        title=settings.application_name,
        lifespan=lifespan,
        generate_unique_id_function=openapi.operation_id,
        # FastAPI's own pages run whatever their CDN sends.
        docs_url=None,
        redoc_url=None,
        # A wrong path is 404: a redirect would name the host that a proxy made up.
        redirect_slashes=False,
    )

    app.include_router(health.router)
    app.include_router(notes.router)
    if settings.docs:
        openapi.add_page(app)

    # Each middleware is added around the ones before it.
    app.add_middleware(Admission, slots=asyncio.Semaphore(settings.concurrency), timeout=settings.admission_timeout)
    app.add_middleware(BodyLimits, size=settings.max_body_size, timeout=settings.body_timeout)
    # CORS and other middleware of your own: here, around them, a refusal has the headers and a preflight never waits.

    app.add_exception_handler(HTTPException, error_handlers.http_error)
    app.add_exception_handler(RequestValidationError, error_handlers.validation_error)
    app.add_exception_handler(ClientDisconnect, error_handlers.departure)
    app.add_exception_handler(SQLAlchemyError, error_handlers.database_error)
    app.add_exception_handler(Exception, error_handlers.unexpected_error)
    return app


def create_asgi_app() -> FrontEnd:
    """Make what the server runs."""
    return add_edge(create_app(), get_settings())
