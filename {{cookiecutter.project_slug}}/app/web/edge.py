"""What lies around the application, in the order in which a request comes to it."""

from typing import Any

from app.settings import Settings
from app.web.front_end import FrontEnd, Head
from app.web.request_log import RequestLog


def add_edge(app: Any, settings: Settings) -> FrontEnd:
    """The ASGI application that the server runs; its log sees also what a framework answers by itself."""
    return FrontEnd(RequestLog(Head(app), settings.google_cloud_project))
