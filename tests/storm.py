"""Load on several real processes of a rendered service at once.

One process can hide what a transaction pooler does to named statements: asyncpg, for one, counts
its names per process, so only the statements of two processes ever share a name.
"""

import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from servers import LoggedProcess, free_port, minimal_environment

LAUNCHER = Path(__file__).parent / "repeat_async.py"
NO_ANSWER = 0


def service_environment(database_url: str, direct_url: str, **settings: str) -> dict[str, str]:
    """All that a process of the service is told, as on Cloud Run: nothing of the caller's own."""
    return {
        **minimal_environment(),
        # Drivers look for certificates and passwords at home.
        "HOME": tempfile.gettempdir(),
        "DATABASE_URL": database_url,
        "DATABASE_DIRECT_URL": direct_url,
        **settings,
    }


def migrate(python: Path, folder: Path, environment: Mapping[str, str]) -> None:
    finished = subprocess.run(
        [str(python), "-m", "migrations", "upgrade", "head"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    if finished.returncode != 0:
        raise RuntimeError(f"The migrations failed:\n{finished.stdout[-4000:]}")


class ServiceProcess:
    """One process of the service on a free port, started by `python -m app` or with other arguments."""

    def __init__(
        self,
        python: Path,
        folder: Path,
        environment: Mapping[str, str],
        log: Path,
        arguments: Sequence[str] = ("-m", "app"),
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process = LoggedProcess(
            [str(python), *arguments],
            folder,
            log,
            {**environment, "PORT": str(self.port)},
            stop_signal=signal.SIGTERM,
        )

    def start(self) -> None:
        with httpx.Client(base_url=self.url, trust_env=False) as http:
            self._process.start(lambda: is_healthy(http))

    def stop(self) -> int | None:
        """The exit code after SIGTERM, or None when nothing ran; Cloud Run too kills after 10 s."""
        return self._process.stop(seconds=10)

    def log_tail(self, lines: int = 20) -> str:
        return self._process.log_tail(lines)

    def log_text(self) -> str:
        return self._process.log_text()

    def ids(self) -> list[int]:
        """The ids of the processes that serve."""
        return self._process.ids()

    def children(self) -> list[int]:
        """The processes that it has started, by their ids."""
        return self._process.children()


def is_healthy(http: httpx.Client) -> bool:
    try:
        return http.get("/health").status_code == 200
    except httpx.TransportError:
        return False


@dataclass(frozen=True)
class Failure:
    """An answer that is not a 2xx, none at all, or one that shows a lost write."""

    method: str
    path: str
    status: int
    body: str


@dataclass
class StormResult:
    """What came back: counts by status, `NO_ANSWER` where the client met an exception instead."""

    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return self.statuses.total()

    @property
    def answered(self) -> int:
        """The requests that did what was asked."""
        return self.requests - len(self.failures)


class StormClient:
    """One caller, who sends one request after the other and notes what is not a 2xx."""

    def __init__(self, http: httpx.Client, url: str, name: str) -> None:
        self.http = http
        self.url = url
        self.name = name
        self.result = StormResult()

    def run(self, rounds: int) -> StormResult:
        for number in range(rounds):
            self._live_one_note(f"{self.name}, note {number}")
        return self.result

    def _live_one_note(self, title: str) -> None:
        """Each kind of request once, without a note only those that need none."""
        first = {"title": title, "body": "first"}
        second = {"title": f"{title}, changed", "body": "second"}
        self._send("GET", "/notes?limit=5")
        created = self._send("POST", "/notes", first)
        if created is None:
            return
        path = f"/notes/{created.json()['id']}"
        updated = self._send("PUT", path, second)
        read = self._send("GET", path)
        if updated and read and read.json()["title"] != second["title"]:
            self._fail("GET", path, read.status_code, f"The change was lost: {read.text}")
        self._send("DELETE", path)

    def _send(self, method: str, path: str, json: Mapping[str, Any] | None = None) -> httpx.Response | None:
        try:
            response = self.http.request(method, self.url + path, json=json)
        except httpx.HTTPError as error:
            self.result.statuses[NO_ANSWER] += 1
            self._fail(method, path, NO_ANSWER, repr(error))
            return None
        self.result.statuses[response.status_code] += 1
        if not response.is_success:
            self._fail(method, path, response.status_code, response.text)
            return None
        return response

    def _fail(self, method: str, path: str, status: int, body: str) -> None:
        self.result.failures.append(Failure(method, path, status, body[:300]))


def storm(processes: Sequence[ServiceProcess], clients: int = 24, rounds: int = 3) -> StormResult:
    """All clients at once, dealt round robin to the processes; five requests to a round."""
    # uvicorn hangs up after an unhandled error, and the next request must not pay for it.
    headers = {"Connection": "close"}
    with (
        httpx.Client(headers=headers, timeout=60, trust_env=False) as http,
        ThreadPoolExecutor(max_workers=clients) as executor,
    ):
        callers = [
            StormClient(http, processes[number % len(processes)].url, f"client {number}") for number in range(clients)
        ]
        results = list(executor.map(lambda caller: caller.run(rounds), callers))
    return StormResult(
        sum((result.statuses for result in results), Counter()),
        [failure for result in results for failure in result.failures],
    )


def warm_up(processes: Sequence[ServiceProcess]) -> StormResult:
    """A short storm, after which every pool holds connections that the caller can end."""
    return storm(processes, rounds=1)


@contextmanager
def running(processes: Sequence[ServiceProcess]) -> Iterator[None]:
    """Start them side by side, and stop every one whatever happens."""
    try:
        with ThreadPoolExecutor(max_workers=len(processes)) as executor:
            list(executor.map(ServiceProcess.start, processes))
        yield
    finally:
        for process in processes:
            process.stop()
