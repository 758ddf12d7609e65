"""Processes of one rendered service, each started in its own way, on one migrated database."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from combinations import STRATEGIES, BakedProject, Combination
from servers import PgBouncer, PostgresServer
from storm import ServiceProcess, migrate, running, service_environment

#: A line of the service's log.
Entry = dict[str, Any]


@dataclass(frozen=True)
class LiveService:
    """A process of the service, and the database that it works on."""

    combination: Combination
    process: ServiceProcess
    postgres: PostgresServer
    database: str

    def client(self, connections: int = 100) -> httpx.Client:
        limits = httpx.Limits(max_connections=connections)
        return httpx.Client(base_url=self.process.url, timeout=60, trust_env=False, limits=limits)

    def log(self) -> list[Entry]:
        """The entries of the log; a line that is not JSON is an error."""
        return [json.loads(line) for line in self.process.log_tail(100_000).splitlines()]


Start = Callable[..., LiveService]


@contextmanager
def starting(
    project: BakedProject, python: Path, postgres: PostgresServer, pgbouncer: PgBouncer, folder: Path
) -> Iterator[Start]:
    """Give a function that starts a process of the service with these arguments and settings."""
    combination = project.combination
    database = f"live-{combination}"
    postgres.create_database(database)
    direct, pooled = postgres.direct_url(database), pgbouncer.pooled_url(database)
    environment = service_environment(direct if combination.endpoint == "direct" else pooled, direct)
    migrate(python, project.path, environment)
    with ExitStack() as stack:

        def start(*arguments: str, path: Path = project.path, **settings: str) -> LiveService:
            number = len(list(folder.iterdir()))
            log = folder / f"{number}.log"
            process = ServiceProcess(python, path, environment | settings, log, arguments or ("-m", "app"))
            stack.enter_context(running([process]))
            return LiveService(combination, process, postgres, database)

        yield start
    postgres.drop_database(database)


def one_slot(combination: Combination) -> Mapping[str, str]:
    """Settings for one request at a time."""
    settings = STRATEGIES[combination.pooling_strategy]["settings"]
    return {setting["name"].upper(): setting["least"] for setting in settings}
