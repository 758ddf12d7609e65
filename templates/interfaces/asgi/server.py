"""python -m app: the service on $PORT, in one process."""

import logging
import os
import signal

import uvicorn

from app import logs
from app.settings import settings_or_exit

log = logging.getLogger(__name__)

HOST = "0.0.0.0"


def main() -> None:
    logs.configure()
    settings = settings_or_exit()
    logs.configure(settings.log_level)
    # RequestLog logs each WebSocket once. Uvicorn would log it three times, with the query, among its other news.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    log.info("The service starts on http://%s:%d.", HOST, settings.port)
    signal.signal(signal.SIGTERM, end)
    uvicorn.run(
        "app.main:create_asgi_app",
        factory=True,
        host=HOST,
        port=settings.port,
        # Uvicorn would take the number from WEB_CONCURRENCY, and each worker has connections of its own.
        workers=1,
        log_config=None,
        access_log=False,
        server_header=False,
        # FrontEnd reads the headers of the proxy.
        proxy_headers=False,
        timeout_graceful_shutdown=settings.shutdown_timeout,
    )


def end(*_: object) -> None:
    """End the process at once: uvicorn raises SIGTERM again when it has finished the requests and shut down.

    An ordinary exit would wait for threads that still wait for the database, longer than Cloud Run does.
    """
    logging.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main()
