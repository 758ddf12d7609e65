"""The server of make run, which reloads on each change."""

import uvicorn

from app import logs
from app.settings import Settings
from app.web.server import options


def serve(settings: Settings) -> None:
    changed = {"reload": True, "reload_dirs": ["app"], "log_config": logs.config(settings.log_level)}
    uvicorn.run(**options(settings) | changed)
