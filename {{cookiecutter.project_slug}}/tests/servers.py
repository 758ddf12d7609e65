"""The real servers that the tests run on: an embedded Postgres, and PgBouncer where it is installed."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest
from psycopg import sql

from dev.postgres import Server
from dev.postgres_programs import other_user
from tests.roles import OWNER, RUNTIME

#: Seconds within which a server on this machine has started.
START_TIMEOUT = 20

ports = count(os.getpid() * 101)


class Endpoint(Protocol):
    """The server that the service connects to; a test can stop and start it."""

    def url(self, database: str, user: str) -> str: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...


class Postgres:
    """A Postgres for the tests. They query it through psycopg, whichever driver the service uses."""

    def __init__(self, folder: Path) -> None:
        self.server = Server(folder)
        self.start()

    def start(self) -> None:
        self.server.start()

    def stop(self) -> None:
        self.server.stop()

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        return self.server.url(database, user)

    @contextmanager
    def connection(self, database: str = "postgres", user: str = "postgres") -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.url(database, user), autocommit=True) as connection:
            yield connection

    def create_database(self, name: str, template: str = "template1") -> None:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        with self.connection() as connection:
            connection.execute(statement)

    def drop_database(self, name: str) -> None:
        with self.connection() as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def terminate_backends(self, database: str) -> int:
        """End every connection to this database, as if it went to sleep. Return how many there were."""
        with self.connection() as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [database]
            )
            return len(ended.fetchall())

    @contextmanager
    def locked(self, database: str, table: str) -> Iterator[psycopg.Connection]:
        """Block every statement on this table inside the block."""
        with psycopg.connect(self.url(database)) as connection:
            connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(table)))
            yield connection

    def wait_for_blocked(self, database: str, count: int = 1) -> None:
        """Return when this many statements wait for a lock."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
        with self.connection() as connection:
            for _ in attempts():
                row = connection.execute(query, [database]).fetchone()
                if row and row[0] >= count:
                    return


class PgBouncer:
    """PgBouncer in transaction mode in front of a Postgres, as hosted databases run it."""

    def __init__(self, binary: str, postgres: Postgres, folder: Path) -> None:
        self.binary = binary
        self.folder = folder
        self.port = free_port()
        self.users = folder / "users.txt"
        self.users.write_text("".join(f'"{role}" ""\n' for role in ("postgres", OWNER, RUNTIME)), encoding="utf-8")
        (folder / "pgbouncer.ini").write_text(self.settings(postgres), encoding="utf-8")
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def settings(self, postgres: Postgres) -> str:
        host = psycopg.conninfo.conninfo_to_dict(postgres.url())["host"]
        lines = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "trust",
            "auth_file": self.users,
            "pool_mode": "transaction",
            "max_client_conn": 1000,
            "server_login_retry": 1,
        }
        # PgBouncer refuses to run as root too.
        if other_user():
            lines["user"] = "nobody"
        settings = "".join(f"{name} = {value}\n" for name, value in lines.items())
        return f"[databases]\n* = host={host}\n[pgbouncer]\n{settings}"

    def url(self, database: str, user: str = RUNTIME) -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def start(self) -> None:
        if self.process:
            return
        self.process = subprocess.Popen([self.binary, "-q", self.folder / "pgbouncer.ini"])
        wait_for_port(self.port)

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None


def pgbouncer_binary() -> str | None:
    return shutil.which("pgbouncer", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")


def wait_until_refused(port: int) -> None:
    """Return when no process listens on this port."""
    with suppress(OSError):
        for _ in attempts():
            socket.create_connection(("127.0.0.1", port)).close()


def free_port() -> int:
    """A free port. It is below the ports of outgoing connections, and a second run of the tests takes other ports."""
    for number in ports:
        port = 10_000 + number % 20_000
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("The numbers do not end.")


def wait_for_port(port: int) -> None:
    for _ in attempts():
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return


def wait_for_record(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """Return when a record of this process's log contains this text."""
    for _ in attempts():
        if text in caplog.text:
            return


def attempts() -> Iterator[Any]:
    """Iterations in which the caller checks whether something has happened.

    Raises:
        TimeoutError: it did not happen within START_TIMEOUT.
    """
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        yield
        time.sleep(0.02)
    raise TimeoutError(f"It did not happen within {START_TIMEOUT} seconds.")
