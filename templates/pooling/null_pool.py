"""The engine: the provider's pooler keeps the connections, this service keeps none.

Every session opens a connection to the pooled endpoint and closes it at its end. So nothing here can go stale while
the database sleeps, and a hundred instances cost the database no more than one, because the pooler stands between.

The price is a TCP connection, a TLS handshake and a login for each session: seven to eleven round trips where a kept
connection needs two to eight, and several milliseconds of processor time. When that shows in your latency, the
layered_pool strategy keeps a few connections to the same pooler open.
"""

from typing import Any

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

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
        poolclass=NullPool,
        connect_args=connect_args | url_args,
        hide_parameters=True,
    )
    wait_while_waking(engine.sync_engine, settings.database_wake_timeout)
    return engine
