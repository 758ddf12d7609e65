"""python -m app.database.check: the kind of endpoint, its round trip, and how many connections fit."""

import asyncio
import logging
import statistics
import time

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from .driver import backend_pid
from .sessions import dispose_engine, get_engine
from .settings import ENDPOINT, get_database_settings, load_or_exit

#: During a rollout the old and the new revision hold connections together.
REVISIONS = 2

#: How many queries measure the round trip; it is their median.
SAMPLES = 20


async def ping() -> None:
    """Run one query, to see that the database answers."""
    async with get_engine().connect() as connection:
        await connection.execute(text("SELECT 1"))


def report(connection: Connection) -> list[str]:
    """What the connection shows, one line for each fact."""
    return [*server_lines(connection), *distance_lines(connection), *room_lines(connection)]


def server_lines(connection: Connection) -> list[str]:
    version, pid, tls = connection.execute(
        text("SELECT version(), pg_backend_pid(), (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid())")
    ).one()
    # A pooler names one process when the connection is made, and runs queries in another.
    pooled = backend_pid(connection.connection.driver_connection) != pid
    lines = [
        f"Server        {version.split(' on ')[0]}",
        f"Endpoint      {'pooled: a pooler stands between' if pooled else 'direct: the server itself'}",
        f"TLS           {'yes' if tls else 'no'}{', between pooler and server' if pooled else ''}",
    ]
    if pooled != (ENDPOINT == "pooled"):
        lines.append(f"Attention     engine.py is made for a {ENDPOINT} endpoint: give DATABASE_URL that one")
    return lines


def distance_lines(connection: Connection) -> list[str]:
    seconds = []
    for _ in range(SAMPLES):
        started = time.perf_counter()
        connection.execute(text("SELECT 1"))
        seconds.append(time.perf_counter() - started)
    return [f"Round trip    {1000 * statistics.median(seconds):.1f} ms, the median of {SAMPLES} queries"]


def room_lines(connection: Connection) -> list[str]:
    most, kept_back, used = connection.execute(
        text(
            "SELECT current_setting('max_connections')::int,"
            " (SELECT sum(setting::int) FROM pg_settings"
            " WHERE name IN ('superuser_reserved_connections', 'reserved_connections'))::int,"
            " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::int"
        )
    ).one()
    each = get_database_settings().concurrency
    if ENDPOINT == "direct":
        room = f"{(most - kept_back) // (each * REVISIONS)} instances, in {REVISIONS} revisions during a rollout"
    else:
        room = "as many instances as the pooler takes clients; the provider's documentation has its limit"
    return [
        f"Connections   {used} in use of {most}; {kept_back} of these are kept back for superusers",
        f"This service  at most {each} for each instance",
        f"Room for      {room}",
    ]


async def main() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    load_or_exit(get_database_settings)
    started = time.perf_counter()
    try:
        async with get_engine().connect() as connection:
            print(f"Connected in  {1000 * (time.perf_counter() - started):.0f} ms")
            print("\n".join(await connection.run_sync(report)))
    except SQLAlchemyError as error:
        raise SystemExit(f"The database does not answer: {error}") from None
    finally:
        await dispose_engine()


if __name__ == "__main__":
    asyncio.run(main())
