"""What an interrupted migration leaves in the database, and what to do about it.

A transaction that is interrupted leaves nothing. What stands in an autocommit_block() is committed statement by
statement, and what the migration did before the block is committed with it.
"""

import logging
import traceback
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from app.database.errors import sqlstate_of

log = logging.getLogger(__name__)

#: SQLSTATEs (Postgres's error codes) of statements that were done before: a table or index, a column, or another object
#: is there already, or it is not there any more.
DONE_BEFORE = {"42P07", "42701", "42710", "42P01", "42703", "42704"}

#: The name of each, and the same as SQL. The index of a partitioned table may be invalid until each partition has one.
INVALID_INDEXES = text(
    "SELECT relname, indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
    " WHERE NOT indisvalid AND relkind = 'i' ORDER BY 1"
)


def refuse_invalid_indexes(migration: Path, connection: Connection) -> None:
    """Refuse an index of this migration that Postgres does not use.

    Raises:
        SystemExit: there is one.
    """
    if remedy := remedy_for_indexes(migration, connection):
        log.critical(remedy)
        raise SystemExit(1)


def explain(error: DBAPIError, connection: Connection) -> None:
    """Note in the error what to do if it may say that a part of the migration was committed before."""
    migration = migration_of(error)
    done_before = sqlstate_of(error.orig) in DONE_BEFORE
    if done_before and migration and "autocommit_block" in migration.read_text(encoding="utf-8"):
        error.add_note(
            remedy_for_indexes(migration, connection)
            or f"If an earlier run of {migration.name} was interrupted, the database has a part of it: undo that part,"
            " or do the rest and mark the migration as done with alembic stamp, and then run the migrations again."
        )


def migration_of(error: DBAPIError) -> Path | None:
    """The file of the migration that raised this error."""
    files = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
    return next((file for file in files if file.parent.name == "versions"), None)


def remedy_for_indexes(migration: Path, connection: Connection) -> str:
    """What to do about invalid indexes that this migration names; empty if there are none."""
    source = migration.read_text(encoding="utf-8")
    invalid = [sql for name, sql in connection.execute(INVALID_INDEXES) if name in source]
    statements = " ".join(f"DROP INDEX CONCURRENTLY {sql};" for sql in invalid)
    sentence = f"{migration.name} was interrupted and has left an invalid index: run {statements} then migrate again."
    return sentence if invalid else ""
