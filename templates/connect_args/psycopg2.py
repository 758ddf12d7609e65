def connect_args(settings: DatabaseSettings) -> dict[str, Any]:
    """The driver's arguments for each new connection."""
    return {
        "application_name": settings.application_name,
        "connect_timeout": settings.database_connect_timeout,
        # The driver notices a lost peer after 30 + 3 * 10 seconds.
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    }
