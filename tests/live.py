"""Processes of one rendered service, each started in its own way, on one migrated database."""

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from cloudrun_postgres_template.unasync import unasync
from combinations import FRAMEWORKS, STRATEGIES, BakedProject, Combination
from environments import interpreter_for, made, requirements_of
from servers import PgBouncer, PostgresServer, wait_until
from storm import ServiceProcess, migrate, running, service_environment

OWNER = Path(__file__).parent / "owner"

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
        # The last one may be on its way.
        whole, _, _ = self.process.log_text().rpartition("\n")
        return [json.loads(line) for line in whole.split("\n") if line]


Start = Callable[..., LiveService]


@contextmanager
def starting(
    project: BakedProject, python: Path, postgres: PostgresServer, pgbouncer: PgBouncer, folder: Path
) -> Iterator[Start]:
    """Give a function that starts a process of the service with these arguments and settings."""
    combination = project.combination
    database = database_of(folder, combination)
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


def database_of(folder: Path, combination: Combination) -> str:
    """The name of the database of the services whose logs are in this folder."""
    return f"{folder.name}-{combination}"


class Log:
    """The entries that a service has logged since a moment."""

    def __init__(self, service: LiveService) -> None:
        self.service = service
        self.start = len(service.log())

    @classmethod
    def of_all(cls, service: LiveService) -> "Log":
        """The entries since the service started."""
        log = cls(service)
        log.start = 0
        return log

    def entries(self) -> list[Entry]:
        return self.service.log()[self.start :]

    def requests(self, path: str) -> list[Entry]:
        """The entries of requests for this path."""
        return [entry for entry in self.entries() if entry.get("httpRequest", {}).get("requestUrl") == path]

    def requests_of(self, user_agent: str) -> list[Entry]:
        """The entries of this client's requests."""
        return [entry for entry in self.entries() if entry.get("httpRequest", {}).get("userAgent") == user_agent]

    def paths(self) -> list[str | None]:
        """The path of each entry, None where it is not that of a request."""
        return [entry.get("httpRequest", {}).get("requestUrl") for entry in self.entries()]

    def errors(self) -> list[Entry]:
        return [entry for entry in self.entries() if entry["severity"] == "ERROR"]

    def settle(self, path: str) -> None:
        """Wait for the entry of a request, and until what its end may still log is there too."""
        assert wait_until(lambda: bool(self.requests(path))), self.entries()
        self.catch_up()

    def catch_up(self) -> None:
        """Wait until all is there that the service has to log of what it was asked before."""
        with self.service.client() as client:
            client.get("/nothing")
        assert wait_until(lambda: bool(self.requests("/nothing")))


@contextmanager
def occupied(service: LiveService) -> Iterator[None]:
    """Inside the block a request of somebody else holds a slot, because the table that it reads is locked."""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
    with service.client() as client, ThreadPoolExecutor(1) as thread, ExitStack() as lock:
        lock.enter_context(service.postgres.locked(service.database, "note"))
        request = thread.submit(client.get, "/notes")
        assert wait_until(lambda: bool(service.postgres.execute(waiting, [service.database])))
        yield
        lock.close()
        assert request.result().status_code == 200


@contextmanager
def starting_owners(
    project: BakedProject, postgres: PostgresServer, pgbouncer: PgBouncer, folder: Path, before: str = ""
) -> Iterator[Start]:
    """Give a function that starts a process of the service with these settings and its framework's code in owner/.

    The text in `before` runs first.
    """
    combination = project.combination
    extra = FRAMEWORKS[combination.framework]["owner_requirements"]
    python = made(interpreter_for(combination), [*requirements_of(project), *extra])
    text = unasync((OWNER / f"{combination.framework}_async.py").read_text(encoding="utf-8"), combination.flavour)
    with starting(project, python, postgres, pgbouncer, folder) as start:

        def start_owners(**settings: str) -> LiveService:
            return start("-c", before + text, PYTHONPATH=str(OWNER), PYTHONDONTWRITEBYTECODE="1", **settings)

        yield start_owners


def one_slot(combination: Combination) -> Mapping[str, str]:
    """Settings for one request at a time."""
    settings = STRATEGIES[combination.pooling_strategy]["settings"]
    return {setting["name"].upper(): setting["least"] for setting in settings}
