"""A live service on a stand: its connections go through a rig, and its callers note what they got."""

import re
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any, LiteralString

import httpx
from psycopg.sql import Composed

from callers import HUNG_AFTER, Answer, Caller, Load, Record, until
from combinations import LIVE, STRATEGIES, BakedProject, Combination
from live import LiveService, Start, database_of, starting
from rig import Rig
from servers import PgBouncer, PostgresServer, ServerBinaries, provider_url, wait_until

#: Requests that the service handles at once.
SLOTS = 4

#: Callers at once, so that some always wait for a slot.
CALLERS = 2 * SLOTS

#: Short, so that a fault takes few seconds. At this level the log has a line for each attempt to connect that failed.
SETTINGS = {
    "DATABASE_DEADLINE": "1.5",
    "DATABASE_CONNECT_TIMEOUT": "2",
    "DATABASE_WAKE_TIMEOUT": "6",
    "LOG_LEVEL": "DEBUG",
}

#: Where the service's connections lead: to PostgreSQL, or to a PgBouncer with these settings instead of those that the
#: other tests have.
DIRECT = "direct"
POOLERS: dict[str, dict[str, str]] = {
    "strict": {},
    # As installed: after a failed login to the server it waits 15 seconds before the next.
    "stock": {"server_login_retry": ""},
    # A newer PgBouncer, which knows prepared statements.
    "newer": {"max_prepared_statements": "max_prepared_statements = 200"},
}
NEWER = "pgbouncer-newer"
INSTALL_NEWER = f"Put a newer PgBouncer on PATH as {NEWER} to test the services behind it."


@dataclass(frozen=True)
class Place:
    """An engine, and where its connections lead."""

    combination: Combination
    endpoint: str

    def __str__(self) -> str:
        return f"{self.combination}-{self.endpoint}"

    @property
    def is_installed(self) -> bool:
        """Whether this machine has its pooler."""
        return self.endpoint != "newer" or shutil.which(NEWER) is not None


PLACES = [Place(c, name) for c in LIVE for name in ([DIRECT] if c.endpoint == "direct" else POOLERS)]


@dataclass
class Stand:
    """A live service with the rig between it and its endpoint, and what its callers got."""

    service: LiveService
    rig: Rig
    pooler: PgBouncer
    start: Start
    threads: ThreadPoolExecutor
    record: Record = field(default_factory=Record)
    #: Expectations of a fault itself that were not met.
    complaints: list[str] = field(default_factory=list)

    @property
    def postgres(self) -> PostgresServer:
        return self.service.postgres

    @property
    def database(self) -> str:
        return self.service.database

    @property
    def is_direct(self) -> bool:
        return self.service.combination.endpoint == "direct"

    def sql(self, statement: LiteralString | Composed, *parameters: object) -> list[tuple[Any, ...]]:
        """Run a statement in the service's database as the superuser."""
        return self.postgres.execute(statement, parameters or None, self.database)

    def expect(self, condition: bool, otherwise: str) -> None:
        if not condition:
            self.complaints.append(otherwise)

    @contextmanager
    def load(self, callers: int = CALLERS) -> Iterator[Load]:
        """Inside the block so many callers are at work."""
        names = [f"caller {number}" for number in range(callers)]
        stop = Event()
        with self.client() as http, ThreadPoolExecutor(callers) as threads:
            running = [threads.submit(Caller(http, name, self.record).run, stop) for name in names]
            try:
                yield Load(names, self.record.answers)
            finally:
                stop.set()
        for caller in running:
            caller.result()

    def client(self) -> httpx.Client:
        """A client with a new connection for each request, which no server closes between two of them."""
        url, limits = self.service.process.url, httpx.Limits(max_connections=None)
        headers = {"Connection": "close"}
        return httpx.Client(base_url=url, headers=headers, timeout=HUNG_AFTER, trust_env=False, limits=limits)

    def post(self, title: str) -> Answer:
        """One new note."""
        with self.client() as http:
            Caller(http, title, self.record).send("POST", "/notes", title)
        return next(answer for answer in reversed(self.record.answers) if answer.title == title)

    def post_at_once(self, titles: Iterable[str]) -> list[Future[Answer]]:
        """New notes, each on its way in a thread of its own."""
        return [self.threads.submit(self.post, title) for title in titles]

    def waiting(self) -> int:
        """How many statements of the service wait for a lock."""
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
        [[count]] = self.sql(waiting, self.database)
        return int(count)

    def at_work(self, application: str) -> int:
        """How many sessions of this name the server has; behind a pooler, which keeps some, how many are not idle."""
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND (state <> 'idle' OR %s)"
        [[count]] = self.sql(sessions, application, self.is_direct)
        return int(count)

    def start_another(self, **settings: str) -> LiveService:
        """Another process of the service, through the same rig."""
        url = provider_url(self.rig.port, self.database)
        return self.start(**SETTINGS | slots_of(self.service.combination) | settings, DATABASE_URL=url)

    def end_sessions(self) -> int:
        """End every session in the service's database, and say how many."""
        return self.postgres.terminate_idle_backends(self.database)

    def begin(self) -> None:
        """Forget what was before: sessions, notes, answers."""
        self.end_sessions()
        self.sql("TRUNCATE note")
        self.record.answers.clear()
        self.complaints.clear()

    def fill(self, name: str) -> None:
        """Use every slot at the same time: each of as many requests waits until all have a connection."""
        with self.postgres.locked(self.database, "note"):
            requests = self.post_at_once(f"{name}, slot {number}" for number in range(SLOTS))
            until(
                lambda: self.waiting() >= SLOTS or any(request.done() for request in requests),
                "as many statements run as there are slots",
            )
        statuses = [request.result().status for request in requests]
        self.expect(set(statuses) == {201}, f"{name}, as many requests as slots were answered {statuses}")

    def log(self) -> list[str]:
        return self.service.process.log_tail(1_000_000).splitlines()

    def failed_attempts(self) -> int:
        """How many attempts to connect have failed, by the service's log."""
        return sum("app.database.connect_retry" in line for line in self.log())

    def connections_left(self) -> int:
        """How many connections are open besides those that the pool keeps."""
        kept = int(slots_of(self.service.combination).get("DATABASE_POOL_SIZE", "0"))
        wait_until(lambda: self.rig.open <= kept, seconds=5)
        return max(self.rig.open - kept, 0)


def slots_of(combination: Combination) -> dict[str, str]:
    """Settings for so many slots, half of them overflow where there is a pool."""
    rows = STRATEGIES[combination.pooling_strategy]["settings"]
    names = [row["name"].upper() for row in rows if row["type"] == "int"]
    return dict.fromkeys(names, str(SLOTS // len(names)))


@contextmanager
def standing(
    place: Place, project: BakedProject, python: Path, binaries: ServerBinaries, postgres: PostgresServer, folder: Path
) -> Iterator[Stand]:
    """Start the service on a database of its own, through a rig to its place; its logs are in this folder."""
    with (
        pooler_at(place, binaries, postgres) as pooler,
        Rig(
            postgres.port if place.endpoint == DIRECT else pooler.port, postgres.certificate, postgres.private_key
        ) as rig,
        starting(project, python, postgres, pooler, folder) as start,
        ThreadPoolExecutor(CALLERS) as threads,
    ):
        database = database_of(folder, place.combination)
        settings = SETTINGS | slots_of(place.combination)
        service = start(**settings, DATABASE_URL=provider_url(rig.port, database))
        # Without it a note that is written twice would not show.
        postgres.execute("ALTER TABLE note DROP CONSTRAINT uq_note_title", database=database)
        yield Stand(service, rig, pooler, start, threads)


def pooler_at(place: Place, binaries: ServerBinaries, postgres: PostgresServer) -> PgBouncer:
    """The place's pooler, not started yet. On the direct endpoint there is one, too, which nobody uses."""
    binary = shutil.which(NEWER) if place.endpoint == "newer" else None
    pooler = PgBouncer(replace(binaries, pgbouncer=binary or binaries.pgbouncer), postgres)
    change_settings(pooler, **POOLERS.get(place.endpoint, {}))
    return pooler


@contextmanager
def changed(pooler: PgBouncer, **settings: str) -> Iterator[None]:
    """Inside the block the pooler runs with other lines for these settings."""
    configuration = pooler.folder / "pgbouncer.ini"
    text = configuration.read_text(encoding="utf-8")
    change_settings(pooler, **settings)
    pooler.restart()
    try:
        yield
    finally:
        configuration.write_text(text, encoding="utf-8")
        pooler.restart()


def change_settings(pooler: PgBouncer, **settings: str) -> None:
    """Replace the line of each setting; it holds from the next start."""
    configuration = pooler.folder / "pgbouncer.ini"
    text = configuration.read_text(encoding="utf-8")
    for name, line in settings.items():
        text, count = re.subn(rf"^{name} = .*$", line, text, flags=re.MULTILINE)
        assert count == 1, f"{configuration} has no setting {name}."
    configuration.write_text(text, encoding="utf-8")
