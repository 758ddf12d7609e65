"""What the deadline costs a session: the microseconds from the beginning of a connection's watch to its end.

    .venv/bin/python benchmarks/deadline.py

For each driver, in the service's own interpreter, on a connection to a real PostgreSQL. A session that is pinged is
watched twice, once for the ping.
"""

# `mypy benchmarks` alone does not look into tests/; `mypy tests benchmarks` does.
# mypy: disable-error-code="import-not-found"

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "tests"))

from cloudrun_postgres_template.unasync import unasync
from combinations import DRIVERS, Combination, rendered
from environments import environment
from servers import INSTALL_SERVERS, PostgresServer, find_servers
from storm import service_environment

STEPS = Path(__file__).with_name("deadline_steps_async.py")

ROUNDS = 5


def microseconds(driver: str, postgres: PostgresServer, folder: Path) -> float:
    """The median of some rounds."""
    combination = Combination("fastapi", "queue_pool", driver)
    project = rendered(combination, folder)
    source = unasync(STEPS.read_text(encoding="utf-8"), combination.flavour)
    url = postgres.direct_url("postgres")
    command = [str(environment(project)), "-c", source]
    settings = service_environment(url, url)
    rounds = [
        subprocess.run(
            command, cwd=project.path, env=settings, capture_output=True, encoding="utf-8", check=True
        ).stdout
        for _ in range(ROUNDS)
    ]
    return statistics.median(map(float, rounds))


def main() -> None:
    binaries = find_servers()
    if binaries is None:
        raise SystemExit(INSTALL_SERVERS)
    print("| driver | microseconds |\n|---|---|")
    with PostgresServer(binaries) as postgres, tempfile.TemporaryDirectory() as folder:
        for driver in DRIVERS:
            print(f"| {driver} | {microseconds(driver, postgres, Path(folder)):.1f} |", flush=True)


if __name__ == "__main__":
    main()
