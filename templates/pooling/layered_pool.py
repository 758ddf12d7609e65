"""The engine: a small pool of connections in this service, in front of the provider's pooler.

The pooler shares the database's few connections among all instances; the pool here saves the new connection, TLS
handshake and login that each session would otherwise pay on the way to the pooler. Kept connections can still die
(the pooler restarts, a network forgets them), so each is pinged before use (pre-ping), and the one used last is taken
first (LIFO), which lets the others fall idle.

The pooler runs each transaction on whichever server connection is free. What lives longer than a transaction (SET,
LISTEN, session advisory locks, temporary tables, named prepared statements) does not work through it; the queue_pool
strategy on the direct URL is for services that need those.
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
