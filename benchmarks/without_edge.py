"""Inside a service: serve it with admission and the request log alone, for `benchmarks/edge.py` to compare."""

from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from app import logs, main
from app.settings import Settings
from app.web import server
from app.web.request_log import RequestLog

with_edge = server.options


def no_limits(app: Any, *_: Any, **__: Any) -> Any:
    """In the place of the middleware that reads bodies: nothing."""
    return app


def log_alone(app: Any, settings: Settings) -> RequestLog:
    return RequestLog(app, settings.google_cloud_project)


def options(settings: Settings) -> dict[str, Any]:
    """Uvicorn's own connections, without time-outs."""
    return with_edge(settings) | {"http": H11Protocol}


logs.configure()
main.BodyLimits = no_limits  # type: ignore[assignment, misc]
main.add_edge = log_alone  # type: ignore[assignment]
server.options = options
server.run()
