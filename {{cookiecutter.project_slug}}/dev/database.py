"""python -m dev.database MODULE ...: run the module on DATABASE_URL, or on the embedded Postgres if it is not set."""

import os
import subprocess
import sys

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from dev.postgres import project_server


class Given(BaseSettings):
    """The database that the environment or .env names, or None."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore")

    database_url: SecretStr | None = None


def use_embedded_unless_given() -> bool:
    """Set the embedded Postgres in the environment when no database is named there. Return whether it did so."""
    if Given().database_url:
        return False
    server = project_server()
    server.start()
    url = server.url()
    os.environ |= {"DATABASE_URL": url, "DATABASE_DIRECT_URL": url}
    return True


def run(*arguments: str) -> int:
    """Run a module in its own process and return the exit code."""
    return subprocess.run([sys.executable, "-m", *arguments], check=False).returncode


if __name__ == "__main__":
    use_embedded_unless_given()
    sys.exit(run(*sys.argv[1:]))
