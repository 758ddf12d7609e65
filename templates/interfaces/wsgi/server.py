"""python -m app: the service on $PORT, in one worker process with threads."""

from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker

from app import logs
from app.database.deadline import watchdog
from app.settings import Settings, settings_or_exit
from app.web import lifespan

#: In memory and writable also where the root file system is not; only Linux has it.
SHARED_MEMORY = Path("/dev/shm")


class Log(Logger):
    """Gunicorn's own messages, among all the others."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        self.error_log.propagate = True

    def exception(self, msg: object, *arguments: Any, **options: Any) -> None:
        """An error outside of the application, with the request's path and not its query."""
        super().exception(msg, *(str(argument).partition("?")[0] for argument in arguments), **options)


class Worker(ThreadWorker):
    """Gunicorn's worker with threads, which closes its socket as soon as it is asked to end.

    Left open until the last request is answered, it would let others queue up that nobody is going to answer. What
    waits for the database is ended early enough to be answered.
    """

    def set_accept_enabled(self, enabled: bool | None) -> None:
        super().set_accept_enabled(enabled)
        if not self.alive:
            watchdog.end_all(self.cfg.graceful_timeout)
            for listener in self.sockets:
                listener.close()

    def run(self) -> None:
        super().run()
        if self.nr_conns:
            self.log.warning("%d requests were not finished in time.", self.nr_conns)


class Server(BaseApplication):
    """Gunicorn with these options; it reads no command line and no file."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        # In the worker: what an import opens must not be shared with the process that it was forked from.
        from app.main import create_wsgi_app

        return create_wsgi_app()


def options(settings: Settings) -> dict[str, Any]:
    return {
        "bind": f"0.0.0.0:{settings.port}",
        # Gunicorn would take the number from WEB_CONCURRENCY, and each worker has connections of its own.
        "workers": 1,
        "worker_class": Worker,
        "threads": lifespan.threads(settings.concurrency),
        # Cloud Run halts the process between requests, so silence is no sign of a worker that hangs.
        "timeout": 0,
        "graceful_timeout": settings.shutdown_timeout,
        # The front end of Cloud Run has limits of its own; what it lets through is answered by the application.
        "limit_request_line": 0,
        "limit_request_fields": 1000,
        "limit_request_field_size": 65536,
        # FrontEnd reads the headers of the proxy.
        "forwarded_allow_ips": "",
        "post_request": lambda worker, request: logs.trace_fields.set(None),
        "worker_exit": lambda server, worker: lifespan.close(),
        "worker_tmp_dir": str(SHARED_MEMORY) if SHARED_MEMORY.is_dir() else None,
        "control_socket_disable": True,
        "logger_class": Log,
        "loglevel": settings.log_level.lower(),
        "errorlog": None,
    }


def main() -> None:
    logs.configure()
    settings = settings_or_exit()
    logs.configure(settings.log_level)
    Server(**options(settings)).run()


if __name__ == "__main__":
    main()
