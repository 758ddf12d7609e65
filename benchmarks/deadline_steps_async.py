"""Inside a service: the microseconds that watching one session takes, as `benchmarks/deadline.py` prints them."""

import asyncio
import time

from sqlalchemy import Connection

from app.database.deadline import driver_connection, watchdog
from app.database.driver import is_idle
from app.database.sessions import dispose_engine, get_engine

TIMES = 20_000


def measure(connection: Connection) -> float:
    dbapi_connection = connection.connection.dbapi_connection
    assert dbapi_connection
    watched = driver_connection(dbapi_connection)
    started = time.perf_counter()
    for _ in range(TIMES):
        watchdog.end(watchdog.begin(watched, 30))
        is_idle(watched)
    return 1e6 * (time.perf_counter() - started) / TIMES


async def main() -> None:
    async with get_engine().connect() as connection:
        print(await connection.run_sync(measure))
    await dispose_engine()


asyncio.run(main())
