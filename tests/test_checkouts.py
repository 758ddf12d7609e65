"""What git, the umask and the place of a folder do to the template and to a service."""

import shutil
import subprocess
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter

from combinations import SUPPORTED, TEMPLATE
from conftest import Bake

#: How git on Windows checks files out where nobody says otherwise.
AS_ON_WINDOWS = ("-c", "core.autocrlf=true", "-c", "core.eol=crlf")

#: So that git asks nobody who commits.
SOMEBODY = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *SOMEBODY, *arguments], capture_output=True, encoding="utf-8", check=True
    ).stdout


def committed(folder: Path) -> Path:
    """The folder, as a repository with one commit of all that is in it."""
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=Everything")
    return folder


def cloned_as_on_windows(repository: Path, folder: Path) -> Path:
    git(repository, "clone", "--quiet", *AS_ON_WINDOWS, str(repository), str(folder))
    return folder


def with_carriage_returns(folder: Path) -> list[str]:
    files = [file for file in folder.rglob("*") if file.is_file() and ".git" not in file.parts]
    assert files
    return [str(file.relative_to(folder)) for file in files if b"\r" in file.read_bytes()]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of the template as it is in the working tree."""
    folder = tmp_path_factory.mktemp("template")
    for name in git(TEMPLATE, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        if (TEMPLATE / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TEMPLATE / name, folder / name)
    return committed(folder)


@pytest.fixture(scope="module")
def template_on_windows(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cloned_as_on_windows(template, tmp_path_factory.mktemp("windows") / "template")


def test_template_checked_out_on_windows_has_no_carriage_return(template_on_windows: Path) -> None:
    assert not with_carriage_returns(template_on_windows)


def test_template_checked_out_on_windows_renders_no_carriage_return(template_on_windows: Path, tmp_path: Path) -> None:
    service = cookiecutter(str(template_on_windows), no_input=True, output_dir=str(tmp_path), accept_hooks=False)
    assert not with_carriage_returns(Path(service))


def test_service_checked_out_on_windows_has_no_carriage_return(bake: Bake, tmp_path: Path) -> None:
    repository = committed(shutil.copytree(bake(SUPPORTED[0]).path, tmp_path / "service"))
    assert not with_carriage_returns(cloned_as_on_windows(repository, tmp_path / "checkout"))
