"""How large an image is over its base, how soon its container answers, and how soon it ends.

    .venv/bin/python benchmarks/container.py [COMBINATION...]

Each row is one combination, whose image is built, migrates a real PostgreSQL and serves on it, with 1 CPU and 512 MiB.
The engine's own time to make and remove a container is in the figures; the last row is a container that does nothing.
"""

# `mypy benchmarks` alone does not look into tests/; `mypy tests benchmarks` does.
# mypy: disable-error-code="import-not-found"

import argparse
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "tests"))

from combinations import SUPPORTED, BakedProject, rendered
from containers import INSTALL_ENGINE, Container, Image, find_engine
from servers import INSTALL_SERVERS, PgBouncer, PostgresServer, find_servers

#: Unlike in strategy, driver and flavour.
DEFAULT = ["fastapi-null_pool-psycopg", "fastapi-queue_pool-asyncpg", "fastapi-layered_pool-psycopg2"]

COLUMNS = ("combination", "image over base", "first answer", "SIGTERM, idle", "SIGTERM, busy: answer, end", "empty one")

ROUNDS = 7

#: Seconds that the request takes which SIGTERM meets.
SLOW = 5


def seconds(started: float) -> float:
    return time.monotonic() - started


def first_answer(image: Image, settings: dict[str, str], log: Path) -> float:
    """Seconds from the engine's command to the first answer of /health."""
    started = time.monotonic()
    with Container(image, settings, log) as container:
        container.wait_until_it_answers()
        return seconds(started)


def idle_stop(image: Image, settings: dict[str, str], log: Path) -> float:
    """Seconds from SIGTERM to the end of an idle container that has used the database."""
    with Container(image, settings, log) as container:
        container.wait_until_it_answers()
        with container.client() as client:
            client.get("/notes").raise_for_status()
        started = time.monotonic()
        container.terminate()
        if code := container.exit_code():
            raise SystemExit(f"The container ended with exit code {code}.")
        return seconds(started)


def busy_stop(
    image: Image, settings: dict[str, str], log: Path, postgres: PostgresServer, database: str
) -> tuple[float, float]:
    """Seconds from SIGTERM to the answer of the request under way, and to the end of the container."""
    slow = postgres.slow_inserts(database, "note", SLOW)
    with Container(image, settings, log) as container, ThreadPoolExecutor() as threads, slow:
        container.wait_until_it_answers()
        with container.client() as client:
            request = threads.submit(client.post, "/notes", json={"title": "Slow"})
            postgres.wait_for_slow_insert(database)
            started = time.monotonic()
            container.terminate()
            request.result().raise_for_status()
            answered = seconds(started)
            if code := container.exit_code():
                raise SystemExit(f"The container ended with exit code {code}.")
            return answered, seconds(started)


def nothing(image: Image) -> float:
    """Seconds that the engine takes for a container whose process ends at once."""
    started = time.monotonic()
    image.run("true")
    return seconds(started)


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} s ({min(values):.2f} to {max(values):.2f})"


def measure(image: Image, project: BakedProject, postgres: PostgresServer, pgbouncer: PgBouncer, folder: Path) -> str:
    """The row of one combination."""
    database = "benchmark"
    postgres.create_database(database)
    urls = {"direct": postgres.direct_url(database), "pooled": pgbouncer.pooled_url(database)}
    settings = {"DATABASE_URL": urls[project.combination.endpoint], "DATABASE_DIRECT_URL": urls["direct"]}
    log = folder / "log"
    try:
        image.migrate(settings)
        answered, ended = busy_stop(image, settings, log, postgres, database)
        cells = [
            str(project.combination),
            f"{image.bytes_over_base() / 1e6:.1f} MB",
            spread([first_answer(image, settings, log) for _ in range(ROUNDS)]),
            spread([idle_stop(image, settings, log) for _ in range(ROUNDS)]),
            f"{answered:.2f} s, {ended:.2f} s",
            spread([nothing(image) for _ in range(ROUNDS)]),
        ]
    finally:
        postgres.drop_database(database)
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("combinations", nargs="*", default=DEFAULT, help=f"among {', '.join(map(str, SUPPORTED))}")
    wanted = parser.parse_args().combinations
    engine, binaries = find_engine(), find_servers()
    if engine is None:
        raise SystemExit(INSTALL_ENGINE)
    if binaries is None:
        raise SystemExit(INSTALL_SERVERS)
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    with PostgresServer(binaries) as postgres, PgBouncer(binaries, postgres) as pgbouncer:
        for combination in SUPPORTED:
            if str(combination) in wanted:
                with tempfile.TemporaryDirectory() as folder:
                    project = rendered(combination, Path(folder))
                    image = Image(engine, project, Path(folder))
                    image.lock()
                    if (done := image.build()).returncode:
                        raise SystemExit(done.stdout + done.stderr)
                    print(measure(image, project, postgres, pgbouncer, Path(folder)), flush=True)
                    image.remove()


if __name__ == "__main__":
    main()
