"""The server of make run and make test: one for each data folder, which outlives its clients and crashes."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import psutil
import psycopg
import pytest

from dev import postgres_programs
from dev.postgres import PROJECT, Server, make_private
from tests.servers import Postgres, attempts

#: What a path may hold that shells, URLs or settings read as something else, and more bytes than a socket's may have.
FOLDERS = {"special characters": "a b, c'd %41 żółw", "a long name": "long" * 50}


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """A temporary folder that the user of Postgres can enter."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def server(open_folder: Path) -> Iterator[Server]:
    """A server of these tests; they start it themselves."""
    server = Server(open_folder / "data")
    yield server
    server.stop()


@pytest.fixture
def new_folder(open_folder: Path) -> Iterator[Path]:
    """A data folder that is not there yet; its server is stopped in the end."""
    folder = open_folder / str(uuid4())
    yield folder
    Server(folder).stop()


@pytest.fixture
def packaged(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the package's programs are, which is not found any more: as on a platform for which it has no wheel."""
    programs = postgres_programs.programs()
    monkeypatch.setitem(sys.modules, postgres_programs.PACKAGE, None)
    return programs


def start_time(server: Server) -> object:
    """When the server that answers was started, which tells one from the next."""
    with psycopg.connect(server.url()) as connection:
        return connection.execute("SELECT pg_postmaster_start_time()").fetchone()


def crash(server: Server) -> None:
    process = psutil.Process(server.process_number)
    processes = [process, *process.children()]
    process.kill()
    for _ in attempts():
        if all(has_ended(process) for process in processes):
            return


def has_ended(process: psutil.Process) -> bool:
    """A process that nobody waits for stays as a zombie, in containers without init."""
    with suppress(psutil.NoSuchProcess):
        return process.status() == psutil.STATUS_ZOMBIE
    return True


def test_starting_twice_gives_one_server(server: Server) -> None:
    server.start()
    started = start_time(server)
    server.start()
    assert start_time(server) == started


def test_processes_that_start_it_at_once_get_one_server_that_outlives_them(new_folder: Path) -> None:
    code = "import sys; from pathlib import Path; from dev.postgres import Server; Server(Path(sys.argv[1])).start()"
    processes = [subprocess.Popen([sys.executable, "-c", code, new_folder], cwd=PROJECT) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    started = start_time(Server(new_folder))
    Server(new_folder).start()
    assert start_time(Server(new_folder)) == started


def test_stop_ends_it(server: Server) -> None:
    server.start()
    process = psutil.Process(server.process_number)
    server.stop()
    assert has_ended(process)
    assert not server.socket_folder.exists()


def test_stopping_what_does_not_run_is_no_error(new_folder: Path) -> None:
    Server(new_folder).stop()


def test_it_starts_after_a_crash(server: Server) -> None:
    server.start()
    crash(server)
    server.start()
    assert start_time(server)


def test_it_starts_when_another_process_has_the_number_of_one_that_crashed(server: Server, postgres: Postgres) -> None:
    server.start()
    crash(server)
    _, *rest = server.process_file.read_text(encoding="utf-8").splitlines(keepends=True)
    server.process_file.write_text("".join([f"{postgres.server.process_number}\n", *rest]), encoding="utf-8")
    server.start()
    assert start_time(server)
    assert start_time(postgres.server)


@pytest.mark.parametrize("content", [b"", b"\0\0\0\0", b"\xff\xfe", b"-5\n", b"9" * 30], ids=repr)
def test_it_starts_when_a_loss_of_power_damaged_the_file_of_its_process(server: Server, content: bytes) -> None:
    server.start()
    crash(server)
    server.process_file.write_bytes(content)
    server.start()
    assert start_time(server)


def test_it_starts_when_its_folder_was_opened_to_others(server: Server) -> None:
    server.start()
    server.stop()
    server.folder.chmod(0o755)
    server.start()
    assert start_time(server)


def test_a_server_whose_folder_was_moved_is_stopped_before_the_next_one_starts(open_folder: Path) -> None:
    before = Server(open_folder / "before")
    before.start()
    process = psutil.Process(before.process_number)
    moved = Server(before.folder.rename(open_folder / "after"))
    moved.start()
    answers = start_time(moved)
    moved.stop()
    assert answers
    assert has_ended(process)


def test_it_answers_again_when_its_socket_was_removed(server: Server) -> None:
    server.start()
    for file in server.socket_folder.iterdir():
        file.unlink()
    server.start()
    assert start_time(server)


def test_data_that_were_never_finished_are_created_anew(new_folder: Path) -> None:
    unfinished = new_folder.with_name(f"{new_folder.name}.new")
    unfinished.mkdir()
    (unfinished / "PG_VERSION").touch()
    server = Server(new_folder)
    server.start()
    assert start_time(server)


@pytest.mark.parametrize("name", FOLDERS.values(), ids=FOLDERS)
def test_its_folder_may_have(new_folder: Path, name: str) -> None:
    new_folder.mkdir()
    server = Server(new_folder / name)
    server.start()
    started = start_time(server)
    server.stop()
    assert started


def test_an_installed_postgres_serves_without_the_package(
    packaged: Path, new_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not shutil.which("initdb", path=postgres_programs.search_path()):
        monkeypatch.setenv("PATH", str(packaged), prepend=os.pathsep)
    server = Server(new_folder)
    server.start()
    assert start_time(server)
    program, *_ = psutil.Process(server.process_number).cmdline()
    assert Path(program).parent == postgres_programs.programs()


@pytest.mark.usefixtures("packaged")
def test_the_newest_of_debians_versions_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(postgres_programs, "OF_DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", "")
    for version in ("9.6", "15", "100", "14-old", "doc"):
        initdb = tmp_path / version / "bin" / "initdb"
        initdb.parent.mkdir(parents=True)
        initdb.touch(mode=0o755)
    assert postgres_programs.programs() == tmp_path / "100" / "bin"


@pytest.mark.usefixtures("packaged")
def test_without_any_postgres_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(postgres_programs, "OF_DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match=r"^There is no Postgres here: install PostgreSQL 15 or newer"):
        postgres_programs.programs()


def test_what_postgres_refuses_comes_with_its_log_and_a_remedy(server: Server) -> None:
    server.start()
    server.stop()
    version = (server.folder / "PG_VERSION").read_bytes()
    (server.folder / "PG_VERSION").write_text("9\n", encoding="utf-8")
    try:
        with pytest.raises(SystemExit, match=r"(?s)incompatible with .*\nMend this; or, if the data may go"):
            server.start()
    finally:
        (server.folder / "PG_VERSION").write_bytes(version)


@pytest.mark.parametrize("name", ["file", "file/data"])
def test_what_the_system_refuses_is_one_sentence(open_folder: Path, name: str) -> None:
    folder = open_folder / str(uuid4())
    folder.mkdir()
    (folder / "file").touch()
    with pytest.raises(SystemExit, match=r"^Postgres cannot use .*: .*\. Mend this, or set DATABASE_URL\.$"):
        Server(folder / name).start()


def test_a_folder_of_another_user_is_refused() -> None:
    with pytest.raises(SystemExit, match=r"^/ belongs to another user: remove it"):
        make_private(Path("/"))
