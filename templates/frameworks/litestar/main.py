"""The web application: its routes, its middleware and its error handlers."""

import asyncio
import logging

from litestar import Litestar
from litestar.exceptions import HTTPException, ValidationException
from litestar.logging.config import BaseLoggingConfig
from litestar.middleware import DefineMiddleware
from litestar.types import GetLogger
from sqlalchemy.exc import SQLAlchemyError

from app.models import resolve_relationships
from app.notes.routes import NoteController
from app.settings import get_settings
from app.web import bodies, error_handlers, health, openapi, parameters, responses
from app.web.admission import Admission
from app.web.body_limits import BodyLimits
from app.web.edge import add_edge
from app.web.front_end import FrontEnd
from app.web.lifespan import lifespan


def create_app() -> Litestar:
    """Make the application for the environment's settings.

    Raises:
        pydantic.ValidationError: a setting is missing or wrong.
    """
    settings = get_settings()
    resolve_relationships()
    # Litestar makes the middleware again for each route; all of them share the slots.
    slots = asyncio.Semaphore(settings.concurrency)
    return Litestar(
        route_handlers=[
            health.health,
            health.ready,
            openapi.document,
            *([openapi.page] if settings.docs else []),
            NoteController,
        ],
        lifespan=[lifespan],
        # CORS: cors_config=..., here. It lies around the middleware: refusals have its headers, preflights never wait.
        middleware=[
            DefineMiddleware(BodyLimits, size=settings.max_body_size, timeout=settings.body_timeout),
            # Middleware of your own: here, around admission, or after it, where a request has its slot.
            DefineMiddleware(Admission, slots=slots, timeout=settings.admission_timeout),
        ],
        # BodyLimits knows better.
        request_max_body_size=None,
        before_request=responses.answer_options,
        after_request=responses.stream_in_threads,
        # Guards add up, where a controller's own before_request would take the place of this one.
        guards=[parameters.check_notation, bodies.read_json],
        exception_handlers={
            HTTPException: error_handlers.http_error,
            ValidationException: error_handlers.validation_error,
            bodies.UnreadableBody: error_handlers.unreadable_body,
            SQLAlchemyError: error_handlers.database_error,
            Exception: error_handlers.unexpected_error,
        },
        after_exception=[error_handlers.log_websocket_error],
        logging_config=StandardLogging(),
        openapi_config=openapi.config(title=settings.application_name),
    )


def create_asgi_app() -> FrontEnd:
    """Make what the server runs."""
    return add_edge(create_app(), get_settings())


class StandardLogging(BaseLoggingConfig):
    """request.logger is a logger of the standard library, which app/logs.py has configured; errors are logged once."""

    log_exceptions = "never"

    def configure(self) -> GetLogger:
        return logging.getLogger

    @staticmethod
    def set_level(logger: logging.Logger, level: int) -> None:
        logger.setLevel(level)
