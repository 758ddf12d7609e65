"""What git, the umask and the place of a folder do to the template and to a service."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter

from combinations import SUPPORTED, TEMPLATE
from conftest import Bake
from template_history import copied_template

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
    return committed(copied_template(tmp_path_factory.mktemp("template") / "template"))


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


#: A name with what shells and make take apart, and with letters outside ASCII.
ODD_NAME = "it's a żółw"


def path_with(folder: Path) -> str:
    """A PATH with what this folder has, and with make, a shell and Python, but no uv of this machine."""
    tools = folder.parent / "tools"
    tools.mkdir()
    for name in ("awk", "make", "sh"):
        (tools / name).symlink_to(shutil.which(name) or name)
    # Not a link, from whose place some Pythons would look for their library.
    (tools / "python3").write_text(f'#!/bin/sh\nexec "{Path(sys.executable).resolve()}" "$@"\n', encoding="utf-8")
    (tools / "python3").chmod(0o755)
    return f"{folder}{os.pathsep}{tools}"


def make(folder: Path, path: str, *arguments: str) -> str:
    """What make prints in a folder."""
    command = ["make", "--silent", *arguments]
    done = subprocess.run(command, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def targets(folder: Path) -> list[str]:
    """The targets of a folder's Makefile that people call."""
    [phony] = re.findall(r"^\.PHONY: (.*)$", (folder / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    return str(phony).split()


def test_make_finds_uv_in_a_folder_of_any_name(bake: Bake, tmp_path: Path) -> None:
    service = shutil.copytree(bake(SUPPORTED[0]).path, tmp_path / "service")
    uv = tmp_path / ODD_NAME / "uv"
    uv.parent.mkdir()
    uv.write_text('#!/bin/sh\necho "$@"\n', encoding="utf-8")
    uv.chmod(0o755)
    path = path_with(uv.parent)
    assert make(service, path, "run") == "run --quiet python -m dev.run\n"
    make(service, path, "--dry-run", *targets(service))


def test_make_installs_uv_for_itself_in_a_folder_of_any_name(bake: Bake, tmp_path: Path) -> None:
    service = shutil.copytree(bake(SUPPORTED[0]).path, tmp_path / ODD_NAME / "service")
    make(service, path_with(tmp_path / "none"), ".uv/bin/uv")
    done = subprocess.run([service / ".uv" / "bin" / "uv", "--version"], capture_output=True, encoding="utf-8")
    assert done.stdout.startswith("uv ")


@pytest.mark.parametrize("makefile", ["template", "service"])
def test_make_alone_lists_every_target_that_people_call(bake: Bake, tmp_path: Path, makefile: str) -> None:
    folder = {"template": TEMPLATE, "service": bake(SUPPORTED[0]).path}[makefile]
    listed = [line.split()[0] for line in make(folder, path_with(tmp_path / "none"), "help").splitlines()]
    assert listed == targets(folder)


def test_service_in_a_uv_workspace_has_a_lock_of_its_own_when_it_is_excluded_there(bake: Bake, tmp_path: Path) -> None:
    """As the README says; the build of the image sees no file above the service's folder."""
    service = shutil.copytree(bake(SUPPORTED[0]).path, tmp_path / "services" / "notes-service")
    workspace = '[tool.uv.workspace]\nmembers = ["services/*"]\n'
    (tmp_path / "pyproject.toml").write_text(workspace, encoding="utf-8")
    lock(service)
    assert not (service / "uv.lock").exists(), "The README and the Dockerfile need to say nothing of workspaces."
    (tmp_path / "pyproject.toml").write_text(f'{workspace}exclude = ["services/notes-service"]\n', encoding="utf-8")
    lock(service)
    assert (service / "uv.lock").exists()


def lock(service: Path) -> None:
    subprocess.run([sys.executable, "-m", "uv", "lock", "--quiet"], cwd=service, check=True)
