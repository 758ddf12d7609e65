"""python -m dev.run: the service with reload, on DATABASE_URL, or on an embedded Postgres with all migrations."""

import os
import sys

from app import logs
from app.settings import get_settings, settings_or_exit
from dev.database import run, use_embedded_unless_given
from dev.server import serve


def main() -> None:
    logs.configure()
    if not use_embedded_unless_given():
        print("Using DATABASE_URL. If its tables are missing: make migrate")
    elif code := run("alembic", "upgrade", "head"):
        sys.exit(code)
    if "docs" not in settings_or_exit().model_fields_set:
        # In the environment, where a process of the server sees it too.
        os.environ["DOCS"] = "true"
        get_settings.cache_clear()
    settings = settings_or_exit()
    print(f"Try it: http://127.0.0.1:{settings.port}{'/docs' if settings.docs else ''}")
    serve(settings)


if __name__ == "__main__":
    main()
