"""Each session finds its connection as a new one would be, and a reset that fails does not cost the pool a place."""

from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.characteristics import ConnectionCharacteristic
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.pool import ConnectionPoolEntry

from .deadline import driver_connection
from .driver import is_idle


class SafeReset(ConnectionCharacteristic):
    """Another characteristic, such as isolation_level; where its reset fails, the connection is closed.

    SQLAlchemy resets when a connection goes back to the pool. An error in that moment reaches the caller, whose work is
    done, and the connection never reaches the pool. psycopg2 speaks with the server for some resets, so a connection
    that was lost after its last statement ends so.
    """

    transactional = True

    def __init__(self, characteristic: ConnectionCharacteristic) -> None:
        self.characteristic = characteristic

    def reset_characteristic(self, dialect: Dialect, dbapi_conn: DBAPIConnection) -> None:
        try:
            self.characteristic.reset_characteristic(dialect, dbapi_conn)
        except dialect.loaded_dbapi.Error:
            dialect.do_terminate(dbapi_conn)

    def set_characteristic(self, dialect: Dialect, dbapi_conn: DBAPIConnection, value: Any) -> None:
        self.characteristic.set_characteristic(dialect, dbapi_conn, value)

    def get_characteristic(self, dialect: Dialect, dbapi_conn: DBAPIConnection) -> Any:
        return self.characteristic.get_characteristic(dialect, dbapi_conn)


def reset_connections(engine: Engine) -> None:
    """Let each session of this engine find its connection as a new one would be.

    A connection that is lost or in a transaction leaves the pool. Where a reset fails, the ping finds the closed
    connection, and the pool replaces it.
    """
    dialect = engine.dialect
    assert isinstance(dialect, DefaultDialect)
    characteristics = dialect.connection_characteristics
    safe = {name: SafeReset(item) for name, item in characteristics.items() if item.transactional}
    dialect.connection_characteristics = characteristics.union(safe)

    @event.listens_for(engine, "checkout")
    def leave_autocommit(dbapi_connection: DBAPIConnection, entry: ConnectionPoolEntry, proxy: Any) -> None:
        dbapi_connection.autocommit = False

    @event.listens_for(engine, "checkin")
    def drop_unless_idle(dbapi_connection: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        if dbapi_connection and not is_idle(driver_connection(dbapi_connection)):
            entry.invalidate()
