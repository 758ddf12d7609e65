"""What the scripts ask of a machine."""

import os
import re
import shutil
from pathlib import Path

import pytest

from cloud import Cloud
from combinations import CONTEXT, SUPPORTED, TEMPLATE, BakedProject
from conftest import Bake


@pytest.fixture(params=CONTEXT["pipeline"])
def project(request: pytest.FixtureRequest, bake: Bake) -> BakedProject:
    return bake(SUPPORTED[0], request.param)


def called_without_bash(script: str, files: dict[str, str]) -> list[str]:
    """The files that name a script, with its folder, and no bash before it."""
    return [path for path, text in files.items() if re.search(rf"(?<!bash ){re.escape(script)}\b", text)]


def test_scripts_of_a_service_are_called_by_bash_wherever_a_file_names_them(project: BakedProject) -> None:
    scripts = [path for path in project.files if os.access(project.path / path, os.X_OK)]
    assert scripts == ["deploy/bootstrap.sh", "deploy/deploy.sh"]
    for script in scripts:
        assert not called_without_bash(script, project.files)


def test_scripts_are_called_by_bash_wherever_the_template_names_them() -> None:
    readers = [TEMPLATE / "README.md", *TEMPLATE.glob("docs/*.md"), *TEMPLATE.glob(".github/workflows/*.yaml")]
    files = {str(file): file.read_text(encoding="utf-8") for file in readers}
    for script in ("deploy/bootstrap.sh", "deploy/deploy.sh", ".ci/run"):
        assert not called_without_bash(script, files)


@pytest.mark.parametrize("script", ["deploy.sh", "bootstrap.sh"])
def test_script_whose_run_bits_are_lost_works(bake: Bake, tmp_path: Path, script: str) -> None:
    """A check-out on Windows, an archive or a network drive loses them."""
    service = shutil.copytree(bake(SUPPORTED[0]).path, tmp_path / "service")
    for path in service.glob("deploy/*.sh"):
        path.chmod(0o644)
    done = Cloud(tmp_path, service).run(script, "--dry-run")
    assert done.returncode == 0, done.stderr
