"""What the edge costs: the list route of a service with the whole edge, and with admission and the request log alone.

    .venv/bin/python benchmarks/edge.py [--rounds NUMBER]

For one service of each framework, on a real PostgreSQL. Both processes run at once and take turns: on a busy machine
only the ratio of neighbours means something. *Requests a second* is the ratio of what both are answered while some
clients send one `GET /notes` after the other, and *processor time* that of what one request takes in the service's
process, which other processes disturb less. Each is the median of many short rounds, with the bounds between which the
true median lies with 95 % confidence. Linux only.
"""
# `mypy benchmarks` alone does not look into tests/; `mypy tests benchmarks` does.
# mypy: disable-error-code="import-not-found"

import argparse
import math
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "tests"))

import httpx
from load import answered_requests, processor_time

from combinations import BakedProject, Combination, rendered
from environments import environment
from servers import INSTALL_SERVERS, LoggedProcess, PostgresServer, accepts_connections, find_servers, free_port
from storm import migrate, service_environment

WITHOUT_EDGE = Path(__file__).with_name("without_edge.py")

COMBINATIONS = [
    Combination("fastapi", "queue_pool", "psycopg"),
    Combination("litestar", "queue_pool", "psycopg_async"),
    Combination("flask", "queue_pool", "psycopg"),
]

ROUNDS = 120
ROUND_SECONDS = 0.5
WARMING_SECONDS = 3.0

#: As many as a page of the list holds.
NOTES = 20


COLUMNS = ("service", "requests a second", "processor time for a request", "that is, without the edge")


@dataclass(frozen=True)
class Speed:
    """Requests a second, and seconds of processor time for each."""

    rate: float
    cost: float


@dataclass(frozen=True)
class Service:
    process: LoggedProcess
    port: int

    def speed(self, seconds: float = ROUND_SECONDS) -> Speed:
        assert self.process.process
        pid = self.process.process.pid
        used, started = processor_time(pid), time.monotonic()
        requests = answered_requests(self.port, "/notes", seconds)
        return Speed(requests / (time.monotonic() - started), (processor_time(pid) - used) / requests)


@contextmanager
def serving(project: BakedProject, arguments: Sequence[str], settings: dict[str, str], log: Path) -> Iterator[Service]:
    port = free_port()
    command = [str(environment(project)), *arguments]
    port_setting = {"PORT": str(port)}
    process = LoggedProcess(command, project.path, log, settings | port_setting, stop_signal=signal.SIGTERM)
    process.start(lambda: bool(accepts_connections(port)))
    try:
        yield Service(process, port)
    finally:
        process.stop(seconds=10)


def pairs(project: BakedProject, postgres: PostgresServer, folder: Path, rounds: int) -> list[tuple[Speed, Speed]]:
    """The speeds with the edge and without it: a pair for each round."""
    url = postgres.direct_url(str(project.combination))
    postgres.create_database(str(project.combination))
    settings = service_environment(url, url, LOG_LEVEL="INFO")
    migrate(environment(project), project.path, settings)
    bare = ("-c", WITHOUT_EDGE.read_text(encoding="utf-8"))
    with (
        serving(project, ("-m", "app"), settings, folder / "with") as with_edge,
        serving(project, bare, settings, folder / "without") as without_edge,
    ):
        with httpx.Client(base_url=f"http://127.0.0.1:{with_edge.port}", trust_env=False) as client:
            for number in range(NOTES):
                client.post("/notes", json={"title": f"Note {number}", "body": "A body."}).raise_for_status()
        found = []
        services = [with_edge, without_edge]
        for service in services:
            service.speed(WARMING_SECONDS)
        for _ in range(rounds):
            # The first of a round has no advantage in the next.
            services.reverse()
            speeds = {service.port: service.speed() for service in services}
            found.append((speeds[with_edge.port], speeds[without_edge.port]))
        return found


def spread(values: Sequence[float]) -> str:
    """The median and its bounds, which are as many ranks from the middle as the binomial distribution says."""
    middle, ranks = len(values) / 2, math.sqrt(len(values))
    low, high = max(0, math.floor(middle - ranks)), min(len(values) - 1, math.ceil(middle + ranks))
    ordered = sorted(values)
    return f"{statistics.median(values):.3f} ({ordered[low]:.3f} to {ordered[high]:.3f})"


def table_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    binaries = find_servers()
    if binaries is None:
        raise SystemExit(INSTALL_SERVERS)
    # So that everything that was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Ended by SIGTERM."))
    print(f"{table_row(COLUMNS)}\n|{'---|' * len(COLUMNS)}")
    with PostgresServer(binaries) as postgres:
        for combination in COMBINATIONS:
            with tempfile.TemporaryDirectory() as folder:
                project = rendered(combination, Path(folder))
                found = pairs(project, postgres, Path(folder), rounds)
                rates = [edge.rate / bare.rate for edge, bare in found]
                costs = [edge.cost / bare.cost for edge, bare in found]
                milliseconds = 1000 * statistics.median(bare.cost for _, bare in found)
                cells = [str(combination), spread(rates), spread(costs), f"{milliseconds:.2f} ms"]
                print(table_row(cells), flush=True)


if __name__ == "__main__":
    main()
