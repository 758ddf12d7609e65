from typing import Any

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from .connect_retry import retry_connect
from .deadline import limit_sessions
from .driver import translate
from .errors import recognize_errors
from .resets import reset_connections
from .settings import DatabaseSettings

#: The schema of all tables that name none. It stands in each statement of the ORM: behind a pooler, the search_path of
#: a server connection may be what another client has set.
SCHEMA = "public"


def build_engine(database_url: SecretStr, settings: DatabaseSettings) -> AsyncEngine:
    """Make an engine for this URL; it connects when it is first used.

    Raises:
        ValueError: the URL has a parameter that the driver cannot apply.
    """
    url, url_args = translate(database_url)
    engine = create_async_engine(
        url,
        pool_pre_ping=True,
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_max_overflow,
        pool_timeout=settings.database_pool_timeout,
        pool_use_lifo=True,
        connect_args=connect_args(settings) | url_args,
        hide_parameters=True,
        execution_options={"schema_translate_map": {None: SCHEMA}},
    )
    limit_sessions(engine.sync_engine, settings.database_deadline, settings.database_connect_timeout)
    retry_connect(engine.sync_engine, settings.database_wake_timeout)
    recognize_errors(engine.sync_engine)
    reset_connections(engine.sync_engine)
    return engine
