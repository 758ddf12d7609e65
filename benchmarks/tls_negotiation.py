"""How many round trips TLS that begins at once (sslnegotiation=direct) saves each driver's new connection.

    .venv/bin/python benchmarks/tls_negotiation.py

It needs a PgBouncer of 1.25 or newer on PATH as pgbouncer-newer, which takes both ways. Round trips are counted as in
round_trips.py: of a connection that is opened and closed.
"""
# `mypy benchmarks` alone does not look into tests/; `mypy tests benchmarks` does.
# mypy: disable-error-code="import-not-found"

import shutil
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "tests"))

from round_trips import REPEATS, CountingProxy

from combinations import SUPPORTED, rendered
from environments import environment
from servers import PgBouncer, PostgresServer, find_servers, provider_url
from stand import INSTALL_NEWER, NEWER

#: A program that opens the connection of its argument and closes it.
PROGRAMS = {
    "psycopg": "import psycopg, sys; psycopg.connect(sys.argv[1]).close()",
    "psycopg2": "import psycopg2, sys; psycopg2.connect(sys.argv[1]).close()",
    "asyncpg": """
import asyncio, asyncpg, sys

async def main():
    connection = await asyncpg.connect(sys.argv[1])
    await connection.close()

asyncio.run(main())
""",
}

DATABASE = "trips"


def counted(driver: str, pooler: PgBouncer, negotiation: str) -> int:
    """The round trips of a connection; it must need as many each time."""
    with tempfile.TemporaryDirectory() as folder:
        service = rendered(next(c for c in SUPPORTED if c.driver == driver), Path(folder))
        found = set()
        for _ in range(REPEATS):
            with closing(CountingProxy(pooler.port)) as proxy:
                url = f"{provider_url(proxy.port, DATABASE)}&sslnegotiation={negotiation}"
                subprocess.run([environment(service), "-c", PROGRAMS[driver], url], check=True)
                found.add(proxy.count())
    [count] = found
    return count


def main() -> None:
    binaries, newer = find_servers(), shutil.which(NEWER)
    if binaries is None or newer is None:
        sys.exit(INSTALL_NEWER)
    with PostgresServer(binaries) as postgres, PgBouncer(replace(binaries, pgbouncer=newer), postgres) as pooler:
        postgres.create_database(DATABASE)
        for driver in PROGRAMS:
            asked, at_once = (counted(driver, pooler, negotiation) for negotiation in ("postgres", "direct"))
            print(f"{driver:<10} {asked} round trips where TLS is asked for, {at_once} where it begins at once")


if __name__ == "__main__":
    main()
