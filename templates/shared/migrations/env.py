"""Alembic's environment: migrations run on the direct URL, with the service's tables and engine."""

import asyncio
import logging

from alembic import context
from sqlalchemy import Connection, text

from app import logs
from app.database.engine import build_engine
from app.database.settings import get_database_settings, load_or_exit
from app.models import metadata
from migrations.autogenerate import PLUGINS, render_item

#: Any number that no other advisory lock in this database uses. A transaction holds it: if several upgrades
#: run at once, the first one migrates and the others find nothing to do.
LOCK = 2_126_013_117

#: How long a statement may wait for a table in use; all later statements on the table wait behind it. For a migration
#: that may block the service longer: alembic -x lock_timeout=1min upgrade head
LOCK_TIMEOUT = context.get_x_argument(as_dictionary=True).get("lock_timeout", "5s")


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_item=render_item,
        autogenerate_plugins=PLUGINS,
    )
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        connection.execute(text("SELECT set_config('lock_timeout', :time, true)"), {"time": LOCK_TIMEOUT})
        context.run_migrations()


async def run() -> None:
    settings = load_or_exit(get_database_settings)
    try:
        url = settings.migration_url()
    except ValueError as error:
        raise SystemExit(str(error)) from None
    engine = build_engine(url, settings)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


def print_sql() -> None:
    """alembic upgrade --sql: the statements, without a database."""
    context.configure(dialect_name="postgresql", target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


# A process that runs Alembic as a part of another program has already configured its log.
if not logging.getLogger().handlers:
    logs.configure()
if context.is_offline_mode():
    print_sql()
else:
    asyncio.run(run())
