def connect_args(settings: DatabaseSettings) -> dict[str, Any]:
    """What the driver is told with each new connection."""
    return {
        "server_settings": {"application_name": settings.application_name},
        "timeout": settings.database_connect_timeout,
    }
