"""The engine: this service keeps a pool of connections to the database itself.

A kept connection answers in a few round trips, and everything Postgres can do works on it. But a database that goes
to sleep ends its idle connections, and the service hears of it only when it uses one. So every connection is pinged
before use (pre-ping) and replaced when it is dead, and the one used last is taken first (LIFO), which lets the others
fall idle.

The price is connections: each instance may hold pool size + overflow of them, old and new revisions together during
a rollout, and the database's max_connections bounds the sum. When you outgrow that, the layered_pool strategy keeps
the same pool in front of the provider's pooler, which takes thousands of clients.
"""

from typing import Any

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.database.driver import translate
from app.database.patience import wait_while_waking
from app.settings import Settings


def build_engine(database_url: SecretStr, settings: Settings) -> AsyncEngine:
    """An engine for this URL; it connects when first used.

    Raises:
        ValueError: the URL holds something that the driver cannot honour.
    """
    url, url_args = translate(database_url)
    connect_args: dict[str, Any] = {}
    engine = create_async_engine(
        url,
        pool_pre_ping=True,
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_max_overflow,
        pool_timeout=settings.admission_timeout,
        pool_use_lifo=True,
        connect_args=connect_args | url_args,
        hide_parameters=True,
    )
    wait_while_waking(engine.sync_engine, settings.database_wake_timeout)
    return engine
