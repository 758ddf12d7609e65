"""A real Postgres for development and tests, one server for each data folder: python -m dev.postgres start | stop."""

import hashlib
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import psutil
from filelock import FileLock

from dev.postgres_programs import folder_of_root, other_user, run

PROJECT = Path(__file__).parent.parent

PORT = "5432"

#: Seconds within which a server starts or stops; after a crash it repairs its data first.
TIMEOUT = "60"

REMEDY = "Mend this, or set DATABASE_URL."


@dataclass(frozen=True)
class Server:
    """The Postgres of this data folder. It runs until stop(), also when the process that started it has ended."""

    folder: Path

    def start(self) -> None:
        """Start the server unless it runs; its data are created first where there are none.

        Raises:
            SystemExit: there is no Postgres, or it does not start.
        """
        with self.held():
            if not (self.folder / "PG_VERSION").exists():
                self.create()
            if self.is_running():
                if (self.socket_folder / f".s.PGSQL.{PORT}").exists():
                    return
                # What cleans temporary folders took its socket away.
                self.control("stop")
            self.forget_dead_server()
            # Postgres refuses data that others can read, as a chmod of the whole project or a copy of it leaves them.
            self.folder.chmod(0o700)
            shutil.rmtree(self.socket_folder, ignore_errors=True)
            make_private(self.socket_folder)
            # Only its own user reaches it: it has no other address than the socket.
            options = ["-p", PORT, "-c", "listen_addresses=", "-c", f"unix_socket_directories={self.socket_folder}"]
            self.control("start", "-l", "log", "-o", shlex.join(options))

    def stop(self) -> None:
        """Stop the server if it runs.

        Raises:
            SystemExit: it does not stop.
        """
        with self.held():
            if self.is_running():
                self.control("stop")
                shutil.rmtree(self.socket_folder, ignore_errors=True)

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        address = urlencode({"host": self.socket_folder, "port": PORT})
        return f"postgresql://{user}@/{quote(database, safe='')}?{address}"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let one of several processes at once start or stop the server.

        Raises:
            SystemExit: the system refuses a file or a folder on the way.
        """
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder.with_name(f"{self.folder.name}.lock")):
                yield
        except OSError as error:
            raise SystemExit(f"Postgres cannot use {self.folder}: {error}. {REMEDY}") from None

    @property
    def socket_folder(self) -> Path:
        """A short one without special characters, whatever the data folder's path: a socket's may have 103 bytes."""
        digest = hashlib.sha256(os.fsencode(self.folder.resolve())).hexdigest()[:12]
        return (folder_of_root() if other_user() else Path("/tmp")) / f"postgres-{digest}"

    def create(self) -> None:
        """Create the data, which are there whole or not at all."""
        unfinished = self.folder.with_name(f"{self.folder.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        make_private(unfinished)
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", *locale_options(unfinished)]
        done = run("initdb", f"--pgdata={unfinished}", *options, folder=unfinished)
        if done.returncode:
            message = f"The data of Postgres in {self.folder} cannot be created: {done.stderr.strip()}"
            raise SystemExit(f"{message}\n{REMEDY}")
        unfinished.rename(self.folder)

    @property
    def process_file(self) -> Path:
        """What Postgres writes while it runs; the first line is the number of its process."""
        return self.folder / "postmaster.pid"

    @property
    def process_number(self) -> int | None:
        """The process of the server, which may be dead."""
        with suppress(FileNotFoundError, IndexError):
            return int(self.process_file.read_bytes().split()[0])
        return None

    def is_running(self) -> bool:
        """Whether the server's process is there.

        Its command names the data folder, which tells it from others. When the folder was moved, the process is in it.
        """
        folder = str(self.folder.resolve())
        # A ValueError: after a loss of power, there may be anything in place of a number.
        with suppress(psutil.Error, ValueError):
            if number := self.process_number:
                process = psutil.Process(number)
                return folder in process.cmdline() or process.cwd() == folder
        return False

    def forget_dead_server(self) -> None:
        """Let Postgres take over the file of a dead server, also when another process has got its number.

        Postgres believes a number of its parent's parent, which this process will be, to be old.
        """
        with suppress(FileNotFoundError):
            rest = self.process_file.read_bytes().splitlines(keepends=True)[1:]
            self.process_file.write_bytes(b"".join([b"%d\n" % os.getpid(), *rest]))

    def control(self, action: str, *options: str) -> None:
        folder = self.folder.resolve()
        done = run("pg_ctl", action, f"--pgdata={folder}", f"--timeout={TIMEOUT}", *options, folder=folder)
        if done.returncode:
            last_lines = (folder / "log").read_text(errors="replace", encoding="utf-8").splitlines()[-4:]
            message = f"Postgres in {folder} does not {action}. Its file log ends with:"
            remedy = "Mend this; or, if the data may go, remove the folder; or set DATABASE_URL."
            raise SystemExit("\n".join([message, *last_lines, remedy]))


def locale_options(folder: Path) -> list[str]:
    """The locale C.UTF-8, whatever the terminal's: that of Postgres, which came with version 17, or the system's."""
    found = re.search(r"(\d+)", run("initdb", "--version", folder=folder).stdout)
    if found and int(found[1]) >= 17:
        return ["--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C.UTF-8"]


def make_private(folder: Path) -> None:
    """Make a folder that only the user of Postgres can enter.

    Raises:
        SystemExit: it is there and belongs to another user.
    """
    other = other_user()
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if sys.platform != "win32" and folder.lstat().st_uid != (other.user if other else os.geteuid()):
            raise SystemExit(f"{folder} belongs to another user: remove it.") from None
        return
    if other:
        os.chown(folder, other.user, other.group)


def project_server() -> Server:
    """This project's server, with its data in .postgres; root's are where the user that Postgres runs as can go."""
    if other_user():
        digest = hashlib.sha256(os.fsencode(PROJECT)).hexdigest()[:12]
        return Server(folder_of_root() / f"data-{digest}")
    return Server(PROJECT / ".postgres")


def main() -> None:
    server = project_server()
    match sys.argv[1:]:
        case ["start"]:
            server.start()
            print(server.url())
        case ["stop"]:
            server.stop()
        case _:
            raise SystemExit("Say start or stop: python -m dev.postgres start")


if __name__ == "__main__":
    main()
