"""The web application: its routes, its middleware and its error handlers."""

import asyncio

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from app.models import resolve_relationships
from app.notes import routes as notes
from app.settings import get_settings
from app.web import error_handlers, health
from app.web.admission import Admission
from app.web.front_end import FrontEnd
from app.web.lifespan import lifespan
from app.web.openapi import Application, operation_id
from app.web.request_log import RequestLog


def create_app() -> FastAPI:
    """Make the application for the environment's settings.

    Raises:
        pydantic.ValidationError: a setting is missing or wrong.
    """
    settings = get_settings()
    resolve_relationships()
    app = Application(
        title=settings.application_name,
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
        # A wrong path is 404: a redirect would name the host that a proxy made up.
        redirect_slashes=False,
    )

    app.include_router(health.router)
    app.include_router(notes.router)

    # Each middleware is added around the ones before it.
    app.add_middleware(Admission, slots=asyncio.Semaphore(settings.concurrency), timeout=settings.admission_timeout)
    # CORS and other middleware of your own: here, around admission, a 503 has the headers and a preflight never waits.

    app.add_exception_handler(HTTPException, error_handlers.http_error)
    app.add_exception_handler(RequestValidationError, error_handlers.validation_error)
    app.add_exception_handler(SQLAlchemyError, error_handlers.database_error)
    app.add_exception_handler(Exception, error_handlers.unexpected_error)
    return app


def create_asgi_app() -> ASGIApp:
    """Make what the server runs: around the application, its log sees also what Starlette answers by itself."""
    return RequestLog(FrontEnd(create_app()), get_settings().google_cloud_project)
