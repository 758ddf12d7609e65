"""A small Flask application and the servers that `benchmarks/flask_servers.py` puts under it.

    python benchmarks/flask_application.py SERVER PORT

Each server gets THREADS threads and the options that suit a service on Cloud Run: SIGTERM gives requests
GRACEFUL_TIMEOUT seconds, and a connection that does not send or take anything is closed early where an option says so.
"""

# None of this is installed beside the template.
# mypy: disable-error-code="import-not-found, import-untyped, misc"

import asyncio
import importlib.util
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import repeat
from pathlib import Path
from typing import Any

from flask import Flask, Response, request

THREADS = 20

#: Seconds.
GRACEFUL_TIMEOUT = 3
HEADER_TIMEOUT = 10
QUERY = 0.002

#: Bytes.
LARGE = 5_000_000

#: What the log of a server holds once for each stream that has ended.
STREAM_ENDED = "The stream has ended."

#: The packages that each server is made of.
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "gunicorn": ("gunicorn",),
    "gunicorn, tuned": ("gunicorn",),
    "granian": ("granian",),
    "waitress": ("waitress",),
    "a2wsgi": ("uvicorn", "h11", "a2wsgi"),
    "a2wsgi, httptools": ("uvicorn", "httptools", "a2wsgi"),
    "adapter": ("uvicorn", "h11", "app"),
    "adapter, httptools": ("uvicorn", "httptools", "app"),
    "service": ("uvicorn", "h11", "app"),
}


def health() -> dict[str, str]:
    return {"status": "ok"}


def work() -> dict[str, str]:
    """A call of a database: the thread waits, and the interpreter serves others."""
    time.sleep(QUERY)
    return {"status": "ok"}


def slow() -> dict[str, str]:
    time.sleep(float(request.args["seconds"]))
    return {"status": "ok"}


def large() -> Response:
    return Response(b"x" * LARGE, mimetype="application/octet-stream")


def stream() -> Response:
    return Response(chunks(), mimetype="application/octet-stream")


def chunks() -> Iterator[bytes]:
    try:
        for chunk in repeat(b"x" * 1000):
            yield chunk
            time.sleep(0.05)
    finally:
        print(STREAM_ENDED, flush=True)


def create_note() -> tuple[dict[str, str], int]:
    return {"title": request.get_json()["title"]}, 201


def create_app() -> Flask:
    app = Flask(__name__, static_folder=None)
    for view in (health, work, slow, large, stream):
        app.add_url_rule(f"/{view.__name__}", view_func=view)
    app.add_url_rule("/notes", view_func=create_note, methods=["POST"])
    return app


def gunicorn(port: int, **options: Any) -> None:
    """Its worker with threads, as templates/interfaces/wsgi/server.py runs it."""
    from gunicorn.app.base import BaseApplication
    from gunicorn.workers.gthread import ThreadWorker

    class Worker(ThreadWorker):
        """Gunicorn's own leaves its socket open until the last request is answered, and nobody answers the others."""

        def set_accept_enabled(self, enabled: bool) -> None:
            super().set_accept_enabled(enabled)
            if not self.alive:
                for listener in self.sockets:
                    listener.close()

    class Server(BaseApplication):
        def load_config(self) -> None:
            for name, value in settings.items():
                self.cfg.set(name, value)

        def load(self) -> Flask:
            return create_app()

    settings = {
        "bind": f"127.0.0.1:{port}",
        "workers": 1,
        "worker_class": Worker,
        "threads": THREADS,
        "timeout": 0,
        "graceful_timeout": GRACEFUL_TIMEOUT,
        "worker_tmp_dir": "/dev/shm" if Path("/dev/shm").is_dir() else None,
        "control_socket_disable": True,
        "http_parser": "python",
        **options,
    }
    Server().run()


def tuned_gunicorn(port: int) -> None:
    """Beyond its options: a thread waits for no connection's first byte, and a second for each of the others.

    The time-outs of the listening socket hold for the connections that it accepts.
    """
    import socket
    import struct

    from gunicorn.workers import gthread

    def limit_sockets(worker: Any) -> None:
        for listener in worker.sockets:
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                listener.sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", 1, 0))

    wait_for_data = gthread.TConn.wait_for_data
    gthread.TConn.wait_for_data = lambda connection, _: wait_for_data(connection, 0)
    has_fast_parser = importlib.util.find_spec("gunicorn_h1c") is not None
    gunicorn(port, post_worker_init=limit_sockets, http_parser="fast" if has_fast_parser else "python")


def granian(port: int) -> None:
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings

    Granian(
        "flask_application:create_app",
        factory=True,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        blocking_threads=THREADS,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=1000 * HEADER_TIMEOUT),
        workers_kill_timeout=GRACEFUL_TIMEOUT,
    ).serve()


def waitress(port: int) -> None:
    """It knows no SIGTERM: the loop goes on without the listening socket until its connections have been answered."""
    from waitress import create_server, wasyncore

    server = create_server(
        create_app(),
        host="127.0.0.1",
        port=port,
        threads=THREADS,
        # 100 connections would be enough to keep everybody else out.
        connection_limit=1000,
        asyncore_use_poll=True,
        channel_timeout=HEADER_TIMEOUT,
        cleanup_interval=HEADER_TIMEOUT,
        # Looks for the end of the connection while its request is answered.
        channel_request_lookahead=1,
    )

    def end(*_: object) -> None:
        raise SystemExit

    signal.signal(signal.SIGTERM, end)
    with suppress(SystemExit):
        wasyncore.loop(timeout=1, map=server._map, use_poll=True)
    server.del_channel()
    server.socket.close()
    deadline = time.monotonic() + GRACEFUL_TIMEOUT
    while time.monotonic() < deadline and any(channel.requests for channel in server.active_channels.values()):
        wasyncore.loop(timeout=0.1, map=server._map, use_poll=True, count=1)
    server.task_dispatcher.shutdown(timeout=0)


def uvicorn(port: int, app: Any, http: str) -> None:
    """As templates/interfaces/asgi/server.py runs it; with h11 on asyncio's loop, or with httptools and uvloop."""
    import uvicorn

    def end(*_: object) -> None:
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    with suppress(KeyboardInterrupt):
        uvicorn.run(
            app,
            host="127.0.0.1",
            port=port,
            http=http,
            loop="uvloop" if http == "httptools" and importlib.util.find_spec("uvloop") else "asyncio",
            access_log=False,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACEFUL_TIMEOUT,
        )


def a2wsgi(port: int, http: str) -> None:
    from a2wsgi import WSGIMiddleware

    uvicorn(port, WSGIMiddleware(create_app(), workers=THREADS), http)


def adapter(port: int, http: str) -> None:
    """The service's own adapter, and nothing else of it."""
    from app.web.lifespan import Threads

    uvicorn(port, Threads(create_app(), THREADS), http)


def service(port: int) -> None:
    """The adapter in all that the service puts around it, run as the service runs it."""
    from uvicorn import Config

    from app.settings import get_settings
    from app.web.admission import Admission
    from app.web.body_limits import BodyLimits
    from app.web.edge import add_edge
    from app.web.lifespan import Threads
    from app.web.server import HOST, Server, end, options

    def create() -> Any:
        threads = Threads(create_app(), THREADS)
        admission = Admission(threads, asyncio.Semaphore(THREADS), settings.admission_timeout, threads.refuse)
        limits = BodyLimits(admission, settings.max_body_size, settings.body_timeout, refuse=threads.refuse)
        return add_edge(limits, settings)

    settings = get_settings()
    signal.signal(signal.SIGTERM, end)
    with suppress(KeyboardInterrupt):
        Server(Config(**options(settings) | {"app": create, "host": HOST, "port": port})).run()


SERVERS: Mapping[str, Callable[[int], None]] = {
    "gunicorn": gunicorn,
    "gunicorn, tuned": tuned_gunicorn,
    "granian": granian,
    "waitress": waitress,
    "a2wsgi": lambda port: a2wsgi(port, "h11"),
    "a2wsgi, httptools": lambda port: a2wsgi(port, "httptools"),
    "adapter": lambda port: adapter(port, "h11"),
    "adapter, httptools": lambda port: adapter(port, "httptools"),
    "service": service,
}


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    SERVERS[sys.argv[1]](int(sys.argv[2]))


if __name__ == "__main__":
    main()
