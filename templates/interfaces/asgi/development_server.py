"""The server of make run, which reloads on each change."""

import uvicorn

from app import logs
from app.settings import Settings


def serve(settings: Settings) -> None:
    uvicorn.run(
        "app.main:create_asgi_app",
        factory=True,
        port=settings.port,
        reload=True,
        reload_dirs=["app"],
        log_config=logs.config(settings.log_level),
        access_log=False,
        proxy_headers=False,
    )
