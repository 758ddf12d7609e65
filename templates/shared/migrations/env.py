"""Alembic's environment: migrations run on the direct URL, with the service's tables and engine.

One upgrade runs at a time, each migration in a transaction of its own. What stands in an autocommit_block() is
committed at once: if such a migration is interrupted, the next upgrade succeeds or says what to do.
"""

import asyncio
import logging
import math
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import Script
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SAWarning, SQLAlchemyError

from app import logs
from app.database.engine import build_engine
from app.database.errors import reason
from app.database.settings import get_database_settings, load_or_exit
from app.models import metadata
from migrations.autogenerate import PLUGINS, render_item
from migrations.interrupted import explain, refuse_invalid_indexes
from migrations.lock import LONGEST_WAIT, take_lock

log = logging.getLogger(__name__)

ARGUMENTS = context.get_x_argument(as_dictionary=True)

#: Seconds to wait while another upgrade runs. For another time: alembic -x wait=60 upgrade head
WAIT = float(ARGUMENTS.get("wait", LONGEST_WAIT))

#: How long a statement may wait for a table in use; all later statements on the table wait behind it. For a migration
#: that may block the service longer: alembic -x lock_timeout=1min upgrade head
LOCK_TIMEOUT = ARGUMENTS.get("lock_timeout", "5s")


def migrate(connection: Connection) -> None:
    take_lock(connection, WAIT)
    with connection.begin():
        set_lock_timeout(connection)
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_item=render_item,
        autogenerate_plugins=PLUGINS,
        transaction_per_migration=True,
        on_version_apply=finish,
    )
    try:
        with warnings.catch_warnings(), context.begin_transaction():
            # SQLAlchemy reads that a CHECK is NOT VALID, and then warns that it does not know this option.
            warnings.filterwarnings("ignore", "Can't validate argument", SAWarning)
            context.run_migrations()
    except DBAPIError as error:
        connection.rollback()
        explain(error, connection)
        raise


def set_lock_timeout(connection: Connection) -> None:
    """Set it for the session, so that it holds in each transaction and between them."""
    connection.execute(text("SELECT set_config('lock_timeout', :time, false)"), {"time": LOCK_TIMEOUT})


def finish(ctx: MigrationContext, step: MigrationInfo, heads: Collection[Any], run_args: Mapping[str, Any]) -> None:
    """Before a migration counts as done, look at its indexes; if it set lock_timeout, the next one has ours again."""
    assert ctx.connection is not None
    if step.is_upgrade and isinstance(step.up_revision, Script):
        refuse_invalid_indexes(Path(step.up_revision.path), ctx.connection)
    set_lock_timeout(ctx.connection)


async def run() -> None:
    settings = load_or_exit(get_database_settings)
    try:
        url = settings.migration_url()
    except ValueError as error:
        log.critical("The migrations cannot run. %s", error)
        raise SystemExit(1) from None
    # A migration may take longer than a session of the service; the time-out of the job ends it.
    engine = build_engine(url, settings.model_copy(update={"database_deadline": math.inf}))
    try:
        connection = await engine.connect()
    except SQLAlchemyError as error:
        log.critical("The database does not answer: %s", reason(error))
        raise SystemExit(1) from None
    try:
        await connection.run_sync(migrate)
    finally:
        await connection.close()
        await engine.dispose()


def print_sql() -> None:
    """alembic upgrade --sql: the statements, without a database."""
    context.configure(
        dialect_name="postgresql", target_metadata=metadata, literal_binds=True, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()


# A process that runs Alembic as a part of another program has already configured its log.
if not logging.getLogger().handlers:
    logs.configure()
if context.is_offline_mode():
    print_sql()
else:
    asyncio.run(run())
