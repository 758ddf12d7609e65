def connect_args(settings: DatabaseSettings) -> dict[str, Any]:
    """The driver's arguments for each new connection."""
    return {
        "server_settings": {"application_name": settings.application_name},
        "timeout": settings.database_connect_timeout,
    }
