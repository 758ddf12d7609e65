def connect_args(settings: DatabaseSettings) -> dict[str, Any]:
    """The driver's arguments for each new connection."""
    return {
        "server_settings": {"application_name": settings.application_name},
        "timeout": settings.database_connect_timeout,
        # No named prepared statements: the pooler may run the next statement on another server connection.
        "statement_cache_size": 0,
        # The same for the cache of SQLAlchemy.
        "prepared_statement_cache_size": 0,
    }
