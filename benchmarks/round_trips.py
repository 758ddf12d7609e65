"""How many network round trips a rendered service needs for one block with one statement.

    .venv/bin/python benchmarks/round_trips.py [--throughput]

For each combination, the service's own `reading()` and `writing()` run in a process of the service's own interpreter,
against a real PostgreSQL and a real PgBouncer, both with TLS and SCRAM. Between the service and its endpoint a proxy
counts: one round trip for the TCP handshake of each new connection, and one for each burst of bytes from the service
that the endpoint answers. What happens between PgBouncer and PostgreSQL is not counted.

*New* is a block on a connection made for it by an engine that has connected before: what SQLAlchemy asks once per
process is not in it, and what the service waits for when it closes the connection at the block's end is. *Kept* is a
block on a connection that the pool keeps and that has served both kinds of block so often that each driver has prepared
its statements, where it prepares at all.

`--throughput` also compares how many requests a second one process of the service answers. On a busy machine only the
ratio of neighbours means something, so that is all it prints.
"""
# `mypy benchmarks` alone does not look into tests/; `mypy tests benchmarks` does.
# mypy: disable-error-code="import-not-found"

import argparse
import json
import re
import select
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "tests"))

from cloudrun_postgres_template.unasync import unasync
from combinations import DRIVERS, SUPPORTED, BakedProject, Combination, rendered
from environments import environment
from servers import (
    INSTALL_SERVERS,
    LoggedProcess,
    PgBouncer,
    PostgresServer,
    ServerBinaries,
    accepts_connections,
    find_servers,
    free_port,
    provider_url,
)
from storm import migrate, service_environment

STEPS = Path(__file__).with_name("steps_async.py")

#: Seconds that the whole run may take.
TIME_LIMIT = 20 * 60

#: Seconds without another byte from the service that end its burst. Loopback answers faster than a process writes twice
#: (the end of the TLS handshake and the login, say), where a network would have carried both in one trip.
PAUSE = 0.05

#: Blocks of each kind before *kept* is counted; psycopg prepares a statement when it runs for the sixth time.
WARMING = 8

#: Each number is counted this often, and must come out the same.
REPEATS = 3

THROUGHPUT_DRIVER = "psycopg"
CLIENTS = 16
ROUNDS = 7
ROUND_SECONDS = 4.0


class CountingProxy:
    """A TCP proxy on 127.0.0.1 in front of one port, which counts round trips."""

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.round_trips = 0
        self.last_byte = time.monotonic()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        # Closing alone would not wake the thread that waits in accept().
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def count(self) -> int:
        """The round trips since the last count, once nothing moves any more."""
        while time.monotonic() < self.last_byte + 3 * PAUSE:
            time.sleep(PAUSE)
        round_trips, self.round_trips = self.round_trips, 0
        return round_trips

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self._saw(round_trips=1)
            server = socket.create_connection(("127.0.0.1", self.upstream))
            Thread(target=self._relay, args=(client, server), daemon=True).start()

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        """Pass bytes until either end closes. What answers a client that has gone is no round trip: nobody waits."""
        is_asked = False
        with client, server:
            while True:
                readable, _, _ = select.select([client, server], [], [])
                if server in readable:
                    answer = received(server)
                    self._saw(round_trips=1 if is_asked else 0)
                    is_asked = False
                    if not answer:
                        return
                    client.sendall(answer)
                else:
                    burst, is_open = received_burst(client)
                    self._saw(round_trips=0)
                    server.sendall(burst)
                    is_asked = True
                    if not is_open:
                        return

    def _saw(self, round_trips: int) -> None:
        self.last_byte = time.monotonic()
        self.round_trips += round_trips


def received(end: socket.socket) -> bytes:
    """What has arrived; nothing when the other side has closed or reset the connection."""
    try:
        return end.recv(65536)
    except ConnectionError:
        return b""


def received_burst(client: socket.socket) -> tuple[bytes, bool]:
    """All that the client sends until it pauses, and whether it is still there."""
    burst = b""
    while piece := received(client):
        burst += piece
        if not select.select([client], [], [], PAUSE)[0]:
            return burst, True
    return burst, False


class Stepper:
    """A process of the service that does one step at a time."""

    def __init__(self, process: subprocess.Popen[str], proxy: CountingProxy) -> None:
        self.process = process
        self.proxy = proxy

    def do(self, step: str) -> None:
        assert self.process.stdin
        assert self.process.stdout
        print(step, file=self.process.stdin, flush=True)
        if self.process.stdout.readline() != "done\n":
            raise RuntimeError(f"The step {step} failed.")

    def trips(self, step: str) -> int:
        """Do the step and count its round trips."""
        self.do(step)
        return self.proxy.count()

    def new(self, step: str) -> int:
        def once() -> int:
            self.trips("drop")
            return self.trips(step)

        return same(once() for _ in range(REPEATS))

    def kept(self, step: str) -> int:
        for _ in range(WARMING):
            self.do("read")
            self.do("write")
        self.proxy.count()
        return same(self.trips(step) for _ in range(REPEATS))


def same(counts: Iterator[int]) -> int:
    """The count that came out each time.

    Raises:
        RuntimeError: they differ, so none of them can be quoted.
    """
    found = set(counts)
    if len(found) > 1:
        raise RuntimeError(f"The counts differ from one time to the next: {sorted(found)}.")
    return found.pop()


@dataclass(frozen=True)
class Servers:
    postgres: PostgresServer
    pgbouncer: PgBouncer
    database: str

    def port(self, combination: Combination) -> int:
        server = self.pgbouncer if combination.endpoint == "pooled" else self.postgres
        port: int = server.port
        return port

    def settings(self, port: int) -> dict[str, str]:
        """The environment of a service that reaches its endpoint on this port."""
        direct = self.postgres.direct_url(self.database)
        settings: dict[str, str] = service_environment(provider_url(port, self.database), direct, LOG_LEVEL="ERROR")
        return settings


@dataclass
class Row:
    """What one combination needs; None where no connection is kept."""

    combination: Combination
    reading_new: int
    reading_kept: int | None
    writing_new: int
    writing_kept: int | None

    def __str__(self) -> str:
        counts = (self.reading_new, self.reading_kept, self.writing_new, self.writing_kept)
        cells = [self.combination.pooling_strategy, self.combination.driver, self.combination.endpoint]
        return table_row([*cells, *("-" if count is None else str(count) for count in counts)])


def table_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def table_head(names: Sequence[str]) -> str:
    return f"{table_row(names)}\n|{'---|' * len(names)}"


@contextmanager
def stepper(project: BakedProject, servers: Servers) -> Iterator[Stepper]:
    """The service's process, with the proxy between it and its endpoint."""
    combination = project.combination
    with (
        closing(CountingProxy(servers.port(combination))) as proxy,
        subprocess.Popen(
            [str(environment(project)), "-c", unasync(STEPS.read_text(encoding="utf-8"), combination.flavour)],
            cwd=project.path,
            env=servers.settings(proxy.port),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        ) as process,
    ):
        try:
            yield Stepper(process, proxy)
        finally:
            process.kill()


def measured(project: BakedProject, servers: Servers) -> Row:
    combination = project.combination
    keeps = combination.pooling_strategy != "null_pool"
    with stepper(project, servers) as steps:
        # The engine's first connection, on which SQLAlchemy asks what it needs to know once.
        steps.trips("read")
        return Row(
            combination,
            reading_new=steps.new("read"),
            reading_kept=steps.kept("read") if keeps else None,
            writing_new=steps.new("write"),
            writing_kept=steps.kept("write") if keeps else None,
        )


def requests_per_second(port: int) -> float:
    """What all clients together are answered while each sends one `GET /notes` after the other.

    The counting has left more notes behind than a page holds, so each answer is a full page.
    """
    deadline = time.monotonic() + ROUND_SECONDS

    def answered(_: int) -> int:
        http = HTTPConnection("127.0.0.1", port, timeout=30)
        requests = 0
        while time.monotonic() < deadline:
            http.request("GET", "/notes")
            response = http.getresponse()
            body = response.read()
            if response.status != 200:
                raise RuntimeError(f"GET /notes was answered {response.status}: {body[:300]!r}")
            requests += 1
        http.close()
        return requests

    started = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as clients:
        total = sum(clients.map(answered, range(CLIENTS)))
    return total / (time.monotonic() - started)


@contextmanager
def serving(project: BakedProject, python: Path, servers: Servers, folder: Path) -> Iterator[int]:
    """`python -m app`, straight to its endpoint; the port that it serves on."""
    port = free_port()
    process = LoggedProcess(
        [str(python), "-m", "app"],
        project.path,
        folder / f"{project.combination}.log",
        servers.settings(servers.port(project.combination)) | {"PORT": str(port)},
        stop_signal=signal.SIGTERM,
    )
    process.start(lambda: bool(accepts_connections(port)))
    try:
        yield port
    finally:
        process.stop(seconds=10)


def ratios(projects: Sequence[BakedProject], servers: Servers, folder: Path) -> dict[str, list[float]]:
    """By strategy, one ratio to `null_pool` for each round; in a round the strategies take turns on the same machine.

    All run on one interpreter, so that they differ in nothing but the strategy.
    """
    python = environment(projects[0])
    names = [project.combination.pooling_strategy for project in projects]
    found: dict[str, list[float]] = {name: [] for name in names}
    with ExitStack() as stack:
        ports = [stack.enter_context(serving(project, python, servers, folder)) for project in projects]
        for port in ports:
            requests_per_second(port)
        for _ in range(ROUNDS):
            rates = dict(zip(names, map(requests_per_second, ports), strict=True))
            for name, rate in rates.items():
                found[name].append(rate / rates["null_pool"])
    return found


def versions(projects: Sequence[BakedProject], binaries: ServerBinaries, postgres: PostgresServer) -> str:
    """Both servers, Python, SQLAlchemy and the drivers, as they were measured."""
    [[postgres_version]] = postgres.execute("SHOW server_version")
    pgbouncer = subprocess.run(
        [binaries.pgbouncer, "--version"], capture_output=True, encoding="utf-8", check=True
    ).stdout
    found = {f"PostgreSQL {postgres_version.split()[0]}", pgbouncer.splitlines()[0]}
    for project in projects:
        drivers = [requirement.split(">=")[0] for requirement in DRIVERS[project.combination.driver]["requirements"]]
        packages = [re.sub(r"\[.*", "", driver) for driver in drivers]
        script = (
            "import json, platform, sys; from importlib.metadata import version; "
            "print(json.dumps({'Python': platform.python_version()} | {name: version(name) for name in sys.argv[1:]}))"
        )
        output = subprocess.check_output([str(environment(project)), "-c", script, *packages], encoding="utf-8")
        found |= {f"{name} {version}" for name, version in json.loads(output).items()}
    return ", ".join(sorted(found, key=str.lower)) + "."


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """End the block by an exception after this time or at SIGTERM, so that everything started in it is stopped."""

    def end(number: int, _: object) -> None:
        raise TimeoutError(f"Ended by {signal.Signals(number).name}.")

    signal.signal(signal.SIGALRM, end)
    signal.signal(signal.SIGTERM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--throughput", action="store_true", help="also compare requests per second (2 minutes)")
    arguments = parser.parse_args()
    binaries = find_servers()
    if binaries is None:
        parser.exit(1, f"{INSTALL_SERVERS}\n")
    with (
        time_limit(TIME_LIMIT),
        tempfile.TemporaryDirectory() as temporary,
        PostgresServer(binaries) as postgres,
        PgBouncer(binaries, postgres) as pgbouncer,
    ):
        folder = Path(temporary)
        servers = Servers(postgres, pgbouncer, "benchmark")
        postgres.create_database(servers.database)
        # The blocks know no web framework, so the first stands for all.
        combinations = [c for c in SUPPORTED if c.framework == SUPPORTED[0].framework]
        projects = [rendered(combination, folder) for combination in combinations]
        migrate(environment(projects[0]), projects[0].path, servers.settings(postgres.port))
        columns = ["reading, new", "reading, kept", "writing, new", "writing, kept"]
        print(table_head(["strategy", "driver", "endpoint", *columns]))
        for project in projects:
            print(measured(project, servers), flush=True)
        if arguments.throughput:
            compared = [project for project in projects if project.combination.driver == THROUGHPUT_DRIVER]
            print(
                f"\n{table_head(['strategy', f'requests/s, {THROUGHPUT_DRIVER}, null_pool = 1', 'lowest', 'highest'])}"
            )
            for name, values in ratios(compared, servers, folder).items():
                numbers = (statistics.median(values), min(values), max(values))
                print(table_row([name, *(f"{number:.1f}" for number in numbers)]), flush=True)
        print(f"\n{versions(projects, binaries, postgres)}")


if __name__ == "__main__":
    main()
