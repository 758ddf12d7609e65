"""python -m dev.run: the service with reload, on DATABASE_URL or else on an embedded Postgres with all migrations."""

import sys

import uvicorn

from app import logs
from app.settings import settings_or_exit
from dev.database import run, use_embedded_unless_given


def main() -> None:
    logs.configure()
    if not use_embedded_unless_given():
        print("Using DATABASE_URL. If its tables are missing: make migrate")
    elif code := run("alembic", "upgrade", "head"):
        sys.exit(code)
    settings = settings_or_exit()
    print(f"Try it: http://127.0.0.1:{settings.port}/docs")
    uvicorn.run(
        "app.main:app",
        port=settings.port,
        reload=True,
        reload_dirs=["app"],
        log_config=logs.config(settings.log_level),
        access_log=False,
    )


if __name__ == "__main__":
    main()
