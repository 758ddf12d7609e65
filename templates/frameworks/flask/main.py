"""The web application: its routes, its hooks and its error handlers."""

import asyncio

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from app.models import resolve_relationships
from app.notes import routes as notes
from app.settings import get_settings
from app.web import error_handlers, health, openapi
from app.web.admission import Admission
from app.web.bodies import InvalidInputError
from app.web.body_limits import BodyLimits
from app.web.edge import add_edge
from app.web.front_end import FrontEnd
from app.web.lifespan import Threads


def create_app() -> Flask:
    """Make the application for the environment's settings.

    Raises:
        pydantic.ValidationError: a setting is missing or wrong.
    """
    settings = get_settings()
    resolve_relationships()
    app = Flask(__name__, static_folder=None)
    # A slash too many or too few is no redirect: the client of a POST would not follow it.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False

    app.register_blueprint(health.blueprint)
    app.register_blueprint(notes.blueprint)
    openapi.add_document(app, settings.application_name)
    if settings.docs:
        openapi.add_page(app, settings.application_name)

    # CORS and other extensions of your own: here. They see the refusals of create_asgi_app() too.

    app.register_error_handler(HTTPException, error_handlers.http_error)
    app.register_error_handler(InvalidInputError, error_handlers.validation_error)
    app.register_error_handler(SQLAlchemyError, error_handlers.database_error)
    return app


def create_asgi_app() -> FrontEnd:
    """Make what the server runs: Flask in threads, and around it what decides whether a request comes to it."""
    settings = get_settings()
    threads = Threads(create_app(), settings.concurrency)
    slots = asyncio.Semaphore(settings.concurrency)
    admission = Admission(threads, slots, settings.admission_timeout, threads.refuse)
    limits = BodyLimits(admission, settings.max_body_size, settings.body_timeout, threads.refuse)
    return add_edge(limits, settings)
