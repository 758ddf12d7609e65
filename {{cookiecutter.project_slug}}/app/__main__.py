"""python -m app: the service on $PORT, in one process."""

import signal
import sys

import uvicorn

from app import logs
from app.settings import settings_or_exit

#: Seconds that requests under way get after SIGTERM. Cloud Run kills the container after 10.
SHUTDOWN_TIMEOUT = 8


def main() -> None:
    logs.configure()
    settings = settings_or_exit()
    logs.configure(settings.log_level)
    # uvicorn passes the signal on when it has shut down; the service has then ended as it was asked to.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        "app.main:app",
        host="0.0.0.0",
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT,
    )


if __name__ == "__main__":
    main()
