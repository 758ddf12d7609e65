"""Whether the database answers and takes writes."""

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from .sessions import reading


class ReadOnlyServerError(SQLAlchemyError):
    """The server takes no writes: a standby after a failover, or a database that its provider holds read-only."""

    def __init__(self) -> None:
        super().__init__("the server takes no writes")


async def ping(deadline: float) -> None:
    """Ask the database for an answer, for at most so many seconds once there is a connection.

    Raises:
        ReadOnlyServerError: the server takes no writes. The connection is dropped: a new one may lead elsewhere.
        sqlalchemy.exc.SQLAlchemyError: the database does not answer.
    """
    async with reading(deadline=deadline) as session:
        connection = await session.connection()
        if await connection.scalar(text("SHOW transaction_read_only")) == "on":
            await connection.invalidate()
            raise ReadOnlyServerError
