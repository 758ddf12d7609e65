"""The web application: its routes, its hooks and its error handlers."""

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from app.models import resolve_relationships
from app.notes import routes as notes
from app.settings import get_settings
from app.web import error_handlers, health, openapi
from app.web.admission import Admission
from app.web.bodies import InvalidInputError
from app.web.front_end import FrontEnd
from app.web.request_log import RequestLog


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

    # Flask calls the functions of before_request in the order of their registration.
    Admission(app, settings.concurrency, settings.admission_timeout)
    # CORS and other extensions of your own: here, after admission, whose 503 has their headers too.

    app.register_error_handler(HTTPException, error_handlers.http_error)
    app.register_error_handler(InvalidInputError, error_handlers.validation_error)
    app.register_error_handler(SQLAlchemyError, error_handlers.database_error)
    return app


def create_wsgi_app() -> RequestLog:
    """Make what the server runs: around the application, its log sees also what Flask does not answer."""
    return RequestLog(FrontEnd(create_app()), get_settings().google_cloud_project)
