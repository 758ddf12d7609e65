"""Each version of cookiecutter that people have renders the same, and refuses as kindly."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from combinations import FLAVOURS, REFUSED, TEMPLATE, BakedProject
from conftest import Bake
from environments import interpreter, interpreters, made

#: The first of each minor version from 2.5 on, and the newest of all.
COOKIECUTTERS = ["cookiecutter==2.5.0", "cookiecutter==2.6.0", "cookiecutter==2.7.0", "cookiecutter"]

COMBINATIONS = [FLAVOURS[0], FLAVOURS[-1]]

#: Render into the folders that standard input names, with the answers that it gives for each.
RENDER = """
import json, sys
from cookiecutter.main import cookiecutter
for folder, answers in json.load(sys.stdin).items():
    cookiecutter(sys.argv[1], no_input=True, extra_context=answers, output_dir=folder)
"""


@pytest.fixture(scope="module", params=COOKIECUTTERS)
def requirement(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=interpreters(), ids=["oldest", "newest"][: len(interpreters())])
def python(request: pytest.FixtureRequest, requirement: str) -> Path:
    """The oldest and the newest Python, with this cookiecutter."""
    return made(request.param, [requirement])


def test_every_cookiecutter_renders_the_same(python: Path, bake: Bake, tmp_path: Path) -> None:
    folders = {str(tmp_path / str(combination)): combination.answers for combination in COMBINATIONS}
    done = subprocess.run(
        [python, "-c", RENDER, TEMPLATE], input=json.dumps(folders), capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    for combination in COMBINATIONS:
        service = BakedProject(combination, tmp_path / str(combination) / "notes-service")
        assert service.files == bake(combination).files


def test_every_cookiecutter_refuses_in_one_sentence(python: Path, tmp_path: Path) -> None:
    answers = [f"{question}={answer}" for question, answer in REFUSED[0].answers.items()]
    done = subprocess.run(
        [python, "-m", "cookiecutter", "--no-input", "--output-dir", tmp_path, TEMPLATE, *answers],
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 1
    assert re.fullmatch(r"Flask does not go with .+\.\n", done.stdout + done.stderr)
    assert not list(tmp_path.iterdir())


def assert_too_old(python: Path, folder: Path) -> None:
    done = subprocess.run(
        [python, "-m", "cookiecutter", "--no-input", "--output-dir", folder, TEMPLATE],
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 1
    assert re.fullmatch(r"Python .+ with cookiecutter .+ is too old: render with .+\.\n", done.stdout + done.stderr)
    assert not list(folder.iterdir())


def test_cookiecutter_that_finds_no_includes_is_refused(tmp_path: Path) -> None:
    assert_too_old(made(interpreters()[0], ["cookiecutter==2.1.1", "setuptools<81"]), tmp_path)


@pytest.mark.skipif(interpreter("3.10") is None, reason="There is no Python 3.10.")
def test_python_that_cannot_load_the_template_is_refused(tmp_path: Path) -> None:
    assert_too_old(made(str(interpreter("3.10")), ["cookiecutter"]), tmp_path)
