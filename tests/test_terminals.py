"""Terminals, pipes, devices and temporary files: whatever they do, the service is there, and cookiecutter succeeds."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest

from cloudrun_postgres_template.tables import questions
from combinations import SUPPORTED, TEMPLATE, BakedProject
from conftest import Bake

if sys.platform == "win32":
    pytest.skip("Windows has other terminals.", allow_module_level=True)
else:
    import pty


Output = Callable[[], AbstractContextManager[int]]


@contextmanager
def pipe_that_nobody_reads() -> Iterator[int]:
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@contextmanager
def full_device() -> Iterator[int]:
    device = os.open("/dev/full", os.O_WRONLY)
    yield device
    os.close(device)


@contextmanager
def terminal_that_is_gone() -> Iterator[int]:
    screen, keyboard = pty.openpty()
    os.close(screen)
    yield keyboard
    os.close(keyboard)


def render(folder: Path, stdout: int, closing: str = "", **variables: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "cookiecutter", "--no-input", "--output-dir", str(folder), str(TEMPLATE)]
    # A shell closes what a subprocess cannot be without.
    command = ["sh", "-c", f'exec "$@" {closing}', "sh", *command]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, env={**os.environ, **variables})


def assert_rendered(done: subprocess.CompletedProcess[bytes], folder: Path, bake: Bake) -> None:
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    assert BakedProject(SUPPORTED[0], folder / "notes-service").files == bake(SUPPORTED[0]).files


@pytest.mark.parametrize(
    "output", [pipe_that_nobody_reads, full_device, terminal_that_is_gone], ids=lambda o: o.__name__
)
def test_output_that_takes_nothing_leaves_the_service(tmp_path: Path, bake: Bake, output: Output) -> None:
    with output() as stdout:
        done = render(tmp_path, stdout)
    assert_rendered(done, tmp_path, bake)


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_closed_output_leaves_the_service(tmp_path: Path, bake: Bake, closed: str) -> None:
    done = render(tmp_path, subprocess.PIPE, closing=closed)
    assert_rendered(done, tmp_path, bake)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1", "utf-16", "ascii:strict"])
def test_letter_that_the_terminal_lacks_leaves_the_service(tmp_path: Path, bake: Bake, encoding: str) -> None:
    folder = tmp_path / "żółw"
    done = render(folder, subprocess.PIPE, PYTHONIOENCODING=encoding)
    assert_rendered(done, folder, bake)
    assert "make run" in done.stdout.decode(encoding.split(":")[0])


def test_folder_whose_name_is_no_text_leaves_the_service(tmp_path: Path, bake: Bake) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe"))
    done = render(folder, subprocess.PIPE)
    assert_rendered(done, folder, bake)


@pytest.mark.parametrize("variables", [{}, {"PYTHONSAFEPATH": "1"}], ids=["usual", "safe path"])
def test_temporary_files_with_names_of_modules_leave_the_service(
    tmp_path: Path, bake: Bake, variables: dict[str, str]
) -> None:
    (tmp_path / "temporary").mkdir()
    for module in sys.stdlib_module_names:
        (tmp_path / "temporary" / f"{module}.py").write_text("raise NotImplementedError\n", encoding="utf-8")
    done = render(tmp_path, subprocess.PIPE, TMPDIR=str(tmp_path / "temporary"), **variables)
    assert_rendered(done, tmp_path, bake)


def test_answers_typed_in_a_terminal_render_a_service(tmp_path: Path) -> None:
    screen, keyboard = pty.openpty()
    command: list[str | Path] = [sys.executable, "-m", "cookiecutter", "--output-dir", tmp_path, TEMPLATE]
    with subprocess.Popen(command, stdin=keyboard, stdout=keyboard, stderr=keyboard) as process:
        os.close(keyboard)
        answers = ["Grüße {{ 7 * 7 }} 日本", "greetings", *[""] * (len(questions()) - 2)]
        os.write(screen, "".join(f"{answer}\n" for answer in answers).encode())
        shown = b""
        # Linux ends the reading of a terminal that nobody has open with an error.
        with suppress(OSError):
            while piece := os.read(screen, 4096):
                shown += piece
    os.close(screen)
    assert process.returncode == 0, shown.decode()
    assert "make run" in shown.decode()
    assert (tmp_path / "greetings" / "README.md").read_text(encoding="utf-8").startswith("# Grüße {{ 7 \\* 7 }} 日本\n")
