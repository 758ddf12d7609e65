def connect_args(settings: DatabaseSettings) -> dict[str, Any]:
    """The driver's arguments for each new connection."""
    return {
        "application_name": settings.application_name,
        "connect_timeout": settings.database_connect_timeout,
        # The driver notices a lost peer after 30 + 3 * 10 seconds.
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        # No named prepared statements: a pooler may run the next one on another server connection, and after a column
        # has changed its type, they fail. Without names a statement takes as many round trips.
        "prepare_threshold": None,
    }
