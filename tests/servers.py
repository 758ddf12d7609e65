"""A real PostgreSQL, and a real PgBouncer in front of it, set up as a provider runs them."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, LiteralString, Self
from urllib.parse import quote

import psycopg
from psycopg.sql import SQL, Composed, Identifier, Literal

INSTALL_SERVERS = "Install the servers that the tests run on: apt-get install openssl pgbouncer postgresql"

SUPERUSER = "postgres"
SUPERUSER_PASSWORD = "not-a-real-superuser-secret"
ROLE = "service"
ROLE_PASSWORD = "not%a@real/secret"


class ServerError(RuntimeError):
    """A server did not start; the message ends with the last lines of its log."""


@dataclass(frozen=True)
class ServerBinaries:
    initdb: str
    postgres: str
    pgbouncer: str
    openssl: str


def find_servers() -> ServerBinaries | None:
    """Debian keeps each PostgreSQL version in a folder off the PATH: take the newest."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    folders = [*map(str, reversed(versions)), os.environ.get("PATH", os.defpath), "/usr/sbin"]
    search_path = os.pathsep.join(folders)
    initdb = shutil.which("initdb", path=search_path)
    postgres = shutil.which("postgres", path=search_path)
    pgbouncer = shutil.which("pgbouncer", path=search_path)
    openssl = shutil.which("openssl", path=search_path)
    if initdb is None or postgres is None or pgbouncer is None or openssl is None:
        return None
    return ServerBinaries(initdb, postgres, pgbouncer, openssl)


#: Below the ports that connections get, and for each process of the test run from another place on.
ports = count(os.getpid() * 101)


def free_port() -> int:
    """A port that nobody listens on."""
    for number in ports:
        port = 10_000 + number % 20_000
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise ServerError("The numbers do not end.")


def accepts_connections(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def minimal_environment() -> dict[str, str]:
    """Nothing of the caller's settings (PGPORT, PGDATA, a proxy) reaches what the tests start."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def system_user() -> str | None:
    """Both servers refuse root, so as root they run as the user that their package made."""
    return "postgres" if os.geteuid() == 0 else None


class LoggedProcess:
    """A process known by its handle alone, its output appended to a log."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        log: Path,
        environment: Mapping[str, str],
        *,
        stop_signal: signal.Signals,
        user: str | None = None,
    ) -> None:
        self.command = command
        self.folder = folder
        self.log = log
        self.environment = environment
        self.stop_signal = stop_signal
        self.user = user
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, ready: Callable[[], bool]) -> None:
        if self.process is not None:
            raise ServerError(f"{Path(self.command[0]).name} runs already.")
        with self.log.open("ab") as output:
            process = self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                user=self.user,
                group=self.user,
                extra_groups=None if self.user is None else [],
            )
        try:
            in_time = wait_until(lambda: process.poll() is not None or ready())
        except BaseException:
            # An interrupt, too: nobody else would stop what has not started.
            self.stop()
            raise
        if not in_time or process.poll() is not None:
            code = self.stop()
            raise ServerError(
                f"{Path(self.command[0]).name} did not start (exit code {code}); its log ends:\n" + self.log_tail()
            )

    def stop(self, seconds: float = 30) -> int | None:
        """The exit code, or None when nothing ran; killed when it outlasts the seconds it has."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        process.send_signal(self.stop_signal)
        try:
            return process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def ids(self) -> list[int]:
        """Its own id, and those of the processes that it has started itself."""
        return [] if self.process is None else [self.process.pid, *self.children()]

    def children(self) -> list[int]:
        """The ids of the processes that it has started itself."""
        if self.process is None:
            return []
        process = self.process.pid
        return [
            int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text(encoding="utf-8").split()
        ]

    def log_text(self) -> str:
        return self.log.read_text(errors="replace", encoding="utf-8")

    def log_tail(self, lines: int = 20) -> str:
        return "\n".join(self.log_text().splitlines()[-lines:])


class Server(ABC):
    """A server that runs inside a `with` block; its folder and logs go when the block ends."""

    folder: Path
    _process: LoggedProcess

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    @abstractmethod
    def start(self) -> None: ...

    def stop(self) -> None:
        self._process.stop()

    def restart(self) -> None:
        self.stop()
        self.start()


class PostgresServer(Server):
    """TLS and SCRAM on a free port of 127.0.0.1.

    The role `service` owns what the tests create; its password has the characters that break URLs.
    """

    def __init__(self, binaries: ServerBinaries) -> None:
        self.binaries = binaries
        self.port = free_port()
        self.user = system_user()
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-server-"))
        if self.user is not None:
            shutil.chown(self.folder, self.user, self.user)
        self.data = self.folder / "data"
        self.certificate = self.folder / "server.crt"
        self.private_key = self.folder / "server.key"
        self._process = LoggedProcess(
            [binaries.postgres, "-D", str(self.data)],
            self.folder,
            self.folder / "postgres.log",
            minimal_environment(),
            # The fast shutdown: ends every session and does not wait for clients to leave.
            stop_signal=signal.SIGINT,
            user=self.user,
        )

    def start(self) -> None:
        is_new = not self.data.exists()
        if is_new:
            self._create_certificate()
            self._create_cluster()
        self._process.start(self._answers)
        if is_new:
            self.execute(SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(ROLE), Literal(ROLE_PASSWORD)))

    def log_text(self) -> str:
        return self._process.log_text()

    def direct_url(self, database: str) -> str:
        return provider_url(self.port, database)

    def create_database(self, name: str) -> None:
        self.execute(SQL("CREATE DATABASE {} OWNER {}").format(Identifier(name), Identifier(ROLE)))

    def drop_database(self, name: str) -> None:
        self.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))

    def terminate_idle_backends(self, database: str) -> int:
        """End every client's backend in the database, wait until they are gone, say how many."""
        ended = self.execute(
            "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid()",
            [database],
        )
        pids = [pid for pid, _ in ended]
        still_there = "SELECT pid FROM pg_stat_activity WHERE pid = ANY(%s)"
        if not wait_until(lambda: not self.execute(still_there, [pids])):
            raise ServerError(f"Backends of {database} did not end: {pids}")
        return len(pids)

    @contextmanager
    def locked(self, database: str, table: str) -> Iterator[None]:
        """Inside the block every statement on this table waits."""
        with self.connected(database) as connection, connection.transaction():
            connection.execute(SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(Identifier(table)))
            yield

    @contextmanager
    def slow_inserts(self, database: str, table: str, seconds: int) -> Iterator[None]:
        """Inside the block an insert into this table takes so many seconds."""
        wait = SQL("CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS {}").format(
            Literal(f"BEGIN PERFORM pg_sleep({seconds}); RETURN NEW; END")
        )
        before_insert = SQL("CREATE TRIGGER wait BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION wait()")
        self.execute(wait, database=database)
        self.execute(before_insert.format(Identifier(table)), database=database)
        yield
        self.execute("DROP FUNCTION wait CASCADE", database=database)

    def wait_for_slow_insert(self, database: str) -> None:
        """Return when an insert is on its way."""
        sleeping = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND wait_event = 'PgSleep'"
        if not wait_until(lambda: bool(self.execute(sleeping, [database]))):
            raise ServerError(f"Nothing was inserted into {database}.")

    def execute(
        self,
        sql: LiteralString | Composed,
        parameters: Sequence[object] | None = None,
        database: str = "postgres",
    ) -> list[tuple[Any, ...]]:
        """Statements as the superuser, committed at once; the rows where there are any."""
        with self.connected(database) as connection:
            cursor = connection.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []

    def connected(self, database: str) -> psycopg.Connection:
        """A connection of the superuser, in AUTOCOMMIT."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=SUPERUSER,
            password=SUPERUSER_PASSWORD,
            dbname=database,
            sslmode="require",
            autocommit=True,
        )

    def _answers(self) -> bool:
        try:
            return self.execute("SELECT 1") == [(1,)]
        except psycopg.OperationalError:
            return False

    def _run(self, *command: str) -> None:
        finished = subprocess.run(
            command,
            cwd=self.folder,
            env=minimal_environment(),
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
            capture_output=True,
            encoding="utf-8",
        )
        if finished.returncode != 0:
            raise ServerError(f"{Path(command[0]).name} failed:\n{finished.stderr[-2000:]}")

    def _create_certificate(self) -> None:
        request = "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost"
        names = "subjectAltName=IP:127.0.0.1,DNS:localhost"
        self._run(
            *(self.binaries.openssl, *request.split(), "-addext", names),
            *("-keyout", str(self.private_key), "-out", str(self.certificate)),
        )
        # PostgreSQL refuses a key that others may read.
        self.private_key.chmod(0o600)

    def _create_cluster(self) -> None:
        password_file = self.folder / "superuser-password"
        password_file.write_text(SUPERUSER_PASSWORD, encoding="utf-8")
        self._run(
            *(self.binaries.initdb, "--pgdata", str(self.data), "--no-sync"),
            *("--encoding", "UTF8", "--locale", "C", "--auth", "scram-sha-256"),
            *("--username", SUPERUSER, "--pwfile", str(password_file)),
        )
        (self.data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n", encoding="utf-8")
        settings = f"""
            listen_addresses = '127.0.0.1'
            port = {self.port}
            unix_socket_directories = ''
            max_connections = 200
            ssl = on
            ssl_cert_file = '{self.certificate}'
            ssl_key_file = '{self.private_key}'
            password_encryption = 'scram-sha-256'
            fsync = off
        """
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as configuration:
            configuration.write(settings)


class PgBouncer(Server):
    """The strict transaction pooler: no server kept for a client, no prepared statement known."""

    def __init__(self, binaries: ServerBinaries, postgres: PostgresServer) -> None:
        self.binaries = binaries
        self.postgres = postgres
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
        configuration = self._write_configuration()
        if postgres.user is not None:
            shutil.chown(self.folder, postgres.user, postgres.user)
        self._process = LoggedProcess(
            [binaries.pgbouncer, str(configuration)],
            self.folder,
            self.folder / "pgbouncer.log",
            minimal_environment(),
            # It keeps nothing that a kill could lose, and what SIGINT and SIGTERM wait for
            # changed in version 1.23.
            stop_signal=signal.SIGKILL,
            user=postgres.user,
        )

    def start(self) -> None:
        self._process.start(lambda: accepts_connections(self.port))

    def log(self) -> str:
        return self._process.log.read_text(encoding="utf-8")

    def pooled_url(self, database: str) -> str:
        return provider_url(self.port, database)

    def _write_configuration(self) -> Path:
        users = self.folder / "users.txt"
        # The password in plain text: PgBouncer needs it to log in to the server by SCRAM itself.
        users.write_text(f'"{ROLE}" "{ROLE_PASSWORD}"\n', encoding="utf-8")
        settings = f"""
            [databases]
            * = host=127.0.0.1 port={self.postgres.port}

            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {self.port}
            unix_socket_dir =
            auth_type = scram-sha-256
            auth_file = {users}
            pool_mode = transaction
            default_pool_size = 20
            max_client_conn = 1000
            server_login_retry = 1
            client_tls_sslmode = require
            client_tls_cert_file = {self.postgres.certificate}
            client_tls_key_file = {self.postgres.private_key}
            server_tls_sslmode = require
            {self._without_prepared_statements()}
        """
        configuration = self.folder / "pgbouncer.ini"
        configuration.write_text("\n".join(line.strip() for line in settings.splitlines()) + "\n", encoding="utf-8")
        return configuration

    def _without_prepared_statements(self) -> str:
        """Before 1.21 the setting is unknown and refused; from 1.24 it is on unless turned off."""
        version = subprocess.run(
            [self.binaries.pgbouncer, "--version"], capture_output=True, encoding="utf-8", check=True
        ).stdout
        found = re.search(r"(\d+)\.(\d+)", version)
        if found is None:
            raise ServerError(f"PgBouncer names no version: {version!r}")
        knows_setting = (int(found[1]), int(found[2])) >= (1, 21)
        return "max_prepared_statements = 0" if knows_setting else ""


def provider_url(port: int, database: str) -> str:
    password = quote(ROLE_PASSWORD, safe="")
    return f"postgresql://{ROLE}:{password}@127.0.0.1:{port}/{database}?sslmode=require"
