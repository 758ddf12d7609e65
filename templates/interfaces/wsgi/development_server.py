"""The server of make run, which reloads on each change."""

import logging
from traceback import format_exc
from typing import Any

from gunicorn.util import make_fail_app

from app import logs
from app.__main__ import Server, options
from app.settings import Settings

log = logging.getLogger(__name__)


class DevelopmentServer(Server):
    """The service, or until the next change what keeps it from starting."""

    def load(self) -> Any:
        try:
            return super().load()
        except Exception:
            log.exception("The service does not start.")
            return make_fail_app(format_exc())


def serve(settings: Settings) -> None:
    logs.configure(settings.log_level)
    DevelopmentServer(
        **options(settings)
        | {
            "bind": f"127.0.0.1:{settings.port}",
            "reload": True,
            # Also those that could not be imported.
            "reload_extra_files": ["app/**/*.py"],
        }
    ).run()
