def connect_args(settings: DatabaseSettings) -> dict[str, Any]:
    """What the driver is told with each new connection."""
    return {
        "server_settings": {"application_name": settings.application_name},
        "timeout": settings.database_connect_timeout,
        # Never a named statement: the pooler may run the next one on another server connection.
        "statement_cache_size": 0,
        # The same for the cache of SQLAlchemy.
        "prepared_statement_cache_size": 0,
    }
