"""No session holds its connection longer than its deadline.

A peer can go silent: a machine is lost, a proxy hangs, the answer to a COMMIT never comes. No driver gives up waiting
for it, and each wait holds a connection and a slot. So a thread watches the connections in use, and shuts the socket of
one whose time is over. Who waits for this connection, in a thread or on the event loop, gets the driver's error for a
lost connection, and the pool drops the connection.
"""

import math
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from .driver import duplicate_socket, ping

#: Seconds between the end of the last session and the end of the process, for the answers.
TIME_TO_ANSWER = 1

#: The key of a connection's Watch in Connection.info, which SQLAlchemy keeps for each connection.
WATCH = "app.database.deadline"


class Watch:
    """A connection in use, and the moment at which its time is over."""

    def __init__(self, connection: Any, seconds: float) -> None:
        self.seconds = seconds
        self.ends_at = time.monotonic() + seconds
        # A duplicate: when the driver closes its socket, the number may soon belong to another one.
        self.socket = duplicate_socket(connection)
        #: Why the time is over; empty while it is not.
        self.end = ""

    def shut(self, why: str) -> None:
        """End the connection for both sides, which wakes who waits for it."""
        self.end = why
        if self.socket:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if self.socket:
            self.socket.close()


class Watchdog:
    """The connections in use, and the thread that ends those whose time is over.

    The thread sleeps until the earliest end that it saw when it last looked. Most sessions end long before theirs, so
    few of them wake it.
    """

    def __init__(self) -> None:
        self.watches: set[Watch] = set()
        self.changed = threading.Condition()
        self.wakes_at = math.inf
        #: When every session ends, because the process does.
        self.ends_at = math.inf
        self.thread: threading.Thread | None = None

    def begin(self, connection: Any, seconds: float) -> Watch:
        watch = Watch(connection, seconds)
        with self.changed:
            if self.thread is None:
                self.thread = threading.Thread(target=self.run, name="deadline", daemon=True)
                self.thread.start()
            self.watches.add(watch)
            self.wake_by(min(watch.ends_at, self.ends_at))
        return watch

    def prolong(self, watch: Watch, seconds: float) -> None:
        """Let the time be over so many seconds from now."""
        with self.changed:
            watch.seconds = seconds
            watch.ends_at = time.monotonic() + seconds
            self.wake_by(watch.ends_at)

    def end(self, watch: Watch) -> None:
        with self.changed:
            self.watches.discard(watch)
            watch.close()

    def end_all(self, seconds: float) -> None:
        """Let every session, now and later, end early enough to be answered: the process ends in so many seconds."""
        with self.changed:
            self.ends_at = time.monotonic() + seconds - TIME_TO_ANSWER
            self.wake_by(self.ends_at)

    def time_left(self) -> float:
        """Seconds until every session ends; infinite while nobody has asked the process to end."""
        return self.ends_at - time.monotonic()

    def open_watches(self) -> list[Watch]:
        return [watch for watch in self.watches if not watch.end]

    def wake_by(self, moment: float) -> None:
        if moment < self.wakes_at:
            self.wakes_at = moment
            self.changed.notify()

    def run(self) -> None:
        with self.changed:
            while True:
                now = time.monotonic()
                for watch in self.open_watches():
                    if self.ends_at <= now:
                        watch.shut("The service ends.")
                    elif watch.ends_at <= now:
                        watch.shut(f"The session held its connection for {watch.seconds:g} s.")
                ends = [min(watch.ends_at, self.ends_at) for watch in self.open_watches()]
                self.wakes_at = min(ends, default=math.inf)
                self.changed.wait(None if self.wakes_at == math.inf else self.wakes_at - now)


watchdog = Watchdog()


@contextmanager
def within(seconds: float, dbapi_connection: DBAPIConnection) -> Iterator[None]:
    """Shut the connection's socket if the block takes longer."""
    watch = watchdog.begin(driver_connection(dbapi_connection), seconds)
    try:
        yield
    finally:
        watchdog.end(watch)


def limit_sessions(engine: Engine, deadline: float, ping_timeout: float) -> None:
    """Limit the seconds that a session holds a connection, and those that a ping or closing a connection takes."""
    dialect = engine.dialect
    close = dialect.do_close

    def do_ping(dbapi_connection: DBAPIConnection) -> bool:
        dbapi_connection.autocommit = True
        with within(ping_timeout, dbapi_connection):
            ping(dialect, dbapi_connection)
        return True

    def do_close(dbapi_connection: DBAPIConnection) -> None:
        # A connection that was broken need not end in order.
        with suppress(OSError), within(ping_timeout, dbapi_connection):
            close(dbapi_connection)

    dialect.do_ping = do_ping  # type: ignore[method-assign]
    dialect.do_close = do_close  # type: ignore[method-assign]

    @event.listens_for(engine, "checkout")
    def begin(dbapi_connection: DBAPIConnection, entry: ConnectionPoolEntry, proxy: PoolProxiedConnection) -> None:
        entry.info[WATCH] = watchdog.begin(proxy.driver_connection, deadline)

    @event.listens_for(engine, "checkin")
    def end(dbapi_connection: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        watch = entry.info.pop(WATCH, None)
        if watch:
            watchdog.end(watch)


def driver_connection(dbapi_connection: DBAPIConnection) -> Any:
    """What SQLAlchemy's connection wraps: itself where the driver is sync."""
    return getattr(dbapi_connection, "driver_connection", dbapi_connection)


def prolong(connection: Connection, seconds: float) -> None:
    """Let this connection's time be over so many seconds from now."""
    watchdog.prolong(connection.info[WATCH], seconds)
