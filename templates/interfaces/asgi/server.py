"""python -m app: the service on $PORT, in one process."""

import logging
import os
import signal
import socket
import sys
from contextlib import suppress

import uvicorn

from app import logs
from app.database.deadline import watchdog
from app.settings import settings_or_exit

log = logging.getLogger(__name__)

HOST = "0.0.0.0"

#: The exit code by which Uvicorn says that the application did not start.
STARTUP_FAILURE = 3


class Server(uvicorn.Server):
    """Uvicorn, which ends what waits for the database early enough to be answered."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        watchdog.end_all(self.config.timeout_graceful_shutdown or 0)
        await super().shutdown(sockets)


def main() -> None:
    logs.configure()
    settings = settings_or_exit()
    logs.configure(settings.log_level)
    # RequestLog logs each WebSocket once. Uvicorn would log it three times, with the query, among its other news.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    log.info("The service starts on http://%s:%d.", HOST, settings.port)
    signal.signal(signal.SIGTERM, end)
    config = uvicorn.Config(
        "app.main:create_asgi_app",
        factory=True,
        host=HOST,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        # FrontEnd reads the headers of the proxy.
        proxy_headers=False,
        timeout_graceful_shutdown=settings.shutdown_timeout,
    )
    server = Server(config)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)


def end(*_: object) -> None:
    """End the process at once: uvicorn raises SIGTERM again when it has finished the requests and shut down.

    An ordinary exit would wait for threads that still wait for the database, longer than Cloud Run does.
    """
    logging.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main()
