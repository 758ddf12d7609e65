"""Uvicorn, which serves the application in one process."""

import asyncio
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

import uvicorn

from app import logs
from app.database.deadline import TIME_TO_ANSWER, watchdog
from app.settings import Settings, settings_or_exit
from app.web import request_log
from app.web.connections import LARGEST_HEADER, Connection

log = logging.getLogger(__name__)

HOST = "0.0.0.0"

#: The exit code by which Uvicorn says that the application did not start.
STARTUP_FAILURE = 3


class Server(uvicorn.Server):
    """Uvicorn, which answers every request before the process ends."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        seconds = self.config.timeout_graceful_shutdown or 0
        # What waits for the database ends early enough to be answered by the application.
        watchdog.end_all(seconds)
        cutting = asyncio.create_task(self.cut_off(seconds - TIME_TO_ANSWER / 2))
        await super().shutdown(sockets)
        cutting.cancel()

    async def cut_off(self, seconds: float) -> None:
        """Answer so many seconds later what is not answered by then, and wait for nothing more."""
        await asyncio.sleep(seconds)
        if unfinished := await request_log.cut_off_all():
            log.warning("%d requests were not finished in time.", unfinished)
            self.force_exit = True


def options(settings: Settings) -> dict[str, Any]:
    return {
        "app": "app.main:create_asgi_app",
        "factory": True,
        "port": settings.port,
        "http": Connection,
        "h11_max_incomplete_event_size": LARGEST_HEADER,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        # FrontEnd reads the headers of the proxy.
        "proxy_headers": False,
        "timeout_graceful_shutdown": settings.shutdown_timeout,
    }


def run() -> None:
    settings = settings_or_exit()
    logs.configure(settings.log_level)
    # RequestLog and Connection log each request once. Uvicorn would log some of them, and each WebSocket three times.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    log.info("The service starts on http://%s:%d.", HOST, settings.port)
    signal.signal(signal.SIGTERM, end)
    server = Server(uvicorn.Config(**options(settings), host=HOST))
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)


def end(*_: object) -> None:
    """End the process at once: Uvicorn raises SIGTERM again when it has finished the requests and shut down.

    An ordinary exit would wait for threads that still wait for the database, longer than Cloud Run does.
    """
    logging.shutdown()
    os._exit(0)
