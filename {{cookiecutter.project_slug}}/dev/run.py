"""python -m dev.run: the service with reload, on DATABASE_URL or else on an embedded Postgres with all migrations."""

import os
import subprocess
import sys

import uvicorn
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from app import logs
from app.settings import settings_or_exit
from dev.postgres import data_folder, start


class Given(BaseSettings):
    """The database that the environment or .env names, if they do."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore")

    database_url: SecretStr | None = None


def use_embedded_database() -> None:
    url = start(data_folder()).get_uri()
    os.environ |= {"DATABASE_URL": url, "DATABASE_DIRECT_URL": url}
    subprocess.run([sys.executable, "-m", "alembic", "upgrade", "head"], check=True)


def main() -> None:
    logs.configure()
    if Given().database_url:
        print("Using DATABASE_URL. If its tables are missing: make migrate")
    else:
        use_embedded_database()
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
