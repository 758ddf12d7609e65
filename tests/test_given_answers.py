"""Answers that nobody typed: from a user's configuration, from arguments, from a file to replay."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cookiecutter.exceptions import FailedHookException
from cookiecutter.main import cookiecutter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudrun_postgres_template.answers import checked
from cloudrun_postgres_template.tables import questions, tables
from combinations import DRIVERS, FRAMEWORKS, SUPPORTED, TEMPLATE, BakedProject
from conftest import Bake

TEXTS = [question for question, default in questions().items() if isinstance(default, str)]
CHOICES = [question for question, default in questions().items() if isinstance(default, list)]

#: What YAML makes of `yes`, of nothing, of [a, b] and of {a: b}.
NO_TEXT: list[Any] = [True, False, None, ["one", "two"], [], {"one": "two"}, {}]


def files_of(folder: Path) -> dict[str, str]:
    return BakedProject(SUPPORTED[0], folder).files


def with_configuration(folder: Path, **default_context: Any) -> Path:
    """Render with this configuration of a user; the rendered service."""
    configuration = folder / "configuration.yaml"
    configuration.write_text(
        json.dumps({"replay_dir": str(folder), "default_context": default_context}), encoding="utf-8"
    )
    (folder / "output").mkdir()
    service = cookiecutter(
        str(TEMPLATE), no_input=True, output_dir=str(folder / "output"), config_file=str(configuration)
    )
    return Path(service)


def assert_refused_in_one_sentence(refused: pytest.ExceptionInfo[FailedHookException], output: Path) -> None:
    sentence = str(refused.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert not list(output.iterdir())


# Cookiecutter itself ends with a traceback where the answer is an empty list.
@pytest.mark.parametrize("answer", [answer for answer in NO_TEXT if answer != []], ids=json.dumps)
@pytest.mark.parametrize("question", TEXTS)
def test_configuration_with_something_else_than_text_is_refused(tmp_path: Path, question: str, answer: Any) -> None:
    # Where the name is a mapping, the slug that is made of it is refused.
    with pytest.raises(FailedHookException, match=f"^({question}|project_slug) ") as refused:
        with_configuration(tmp_path, **{question: answer})
    assert_refused_in_one_sentence(refused, tmp_path / "output")


@pytest.mark.parametrize("number", [3.12, 12, -1])
@pytest.mark.parametrize("question", ["project_name", "description"])
def test_number_in_a_configuration_is_taken_as_text(tmp_path: Path, question: str, number: float) -> None:
    service = with_configuration(tmp_path, **{"project_slug": "service", question: number})
    assert str(number) in (service / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("answer", ["unknown", 3.12, True, None, {"one": "two"}], ids=json.dumps)
@pytest.mark.parametrize("question", CHOICES)
def test_cookiecutter_says_of_a_choice_in_a_configuration_that_it_takes_the_first(
    tmp_path: Path, question: str, answer: Any
) -> None:
    with pytest.warns(UserWarning, match=f"Invalid default received.*{question}"):
        service = with_configuration(tmp_path, **{question: answer})
    assert service.is_dir()


PRIVATE = ["_drivers", "_frameworks", "_providers", "_pooling_strategies", "_pipelines", "_requirements"]


def test_every_table_is_known_to_these_tests() -> None:
    assert {*PRIVATE, "_extensions"} == set(tables())


# Cookiecutter itself ends with a traceback where the argument's name is that of a list: _requirements, _extensions.
@pytest.mark.parametrize(
    "name", [*PRIVATE[:-1], "_jinja2_env_vars", "__names", "__combination", "__place", "__account", "__image"]
)
def test_private_argument_changes_nothing(tmp_path: Path, bake: Bake, name: str) -> None:
    service = cookiecutter(
        str(TEMPLATE), no_input=True, output_dir=str(tmp_path), extra_context={name: "other"}, accept_hooks=False
    )
    assert files_of(Path(service)) == bake(SUPPORTED[0]).files


@pytest.mark.parametrize("slug", ["../escaped", "/tmp/escaped", ".", "a/b", "..", "notes\\service"])
def test_argument_cannot_lead_out_of_the_output_folder(tmp_path: Path, slug: str) -> None:
    output = tmp_path / "output"
    output.mkdir()
    with pytest.raises(FailedHookException, match=r"^project_slug ") as refused:
        cookiecutter(
            str(TEMPLATE),
            no_input=True,
            output_dir=str(output),
            extra_context={"project_slug": slug, "__names": "", "__place": ""},
        )
    assert_refused_in_one_sentence(refused, output)
    assert list(tmp_path.iterdir()) == [output]


@pytest.fixture(scope="module")
def replayable(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """What cookiecutter keeps of a run with all defaults."""
    folder = tmp_path_factory.mktemp("replayable")
    with_configuration(folder)
    [kept] = folder.glob("*.json")
    answers: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))["cookiecutter"]
    return answers


def replay(folder: Path, answers: Mapping[str, Any]) -> Path:
    """Render from a file with these answers; the rendered service."""
    file = folder / "replay.json"
    file.write_text(json.dumps({"cookiecutter": answers}), encoding="utf-8")
    (folder / "output").mkdir()
    return Path(cookiecutter(str(TEMPLATE), replay=str(file), output_dir=str(folder / "output"), accept_hooks=False))


def older(tables: Any) -> Any:
    """The same tables with other text in them."""
    match tables:
        case dict():
            return {key: older(value) for key, value in tables.items()}
        case list():
            return [older(value) for value in tables]
    return f"{tables} of an older template"


#: What cookiecutter and Jinja would take from a file to replay, though this template does not set it.
FOREIGN_OPTIONS: list[dict[str, Any]] = [
    {"_copy_without_render": ["*"]},
    {"_copy_without_render": [".github/workflows/*"]},
    {"_new_lines": "\r\n"},
    *(
        {"_jinja2_env_vars": variables}
        for variables in (
            {"block_start_string": "<%", "block_end_string": "%>"},
            {"variable_start_string": "[[", "variable_end_string": "]]"},
            {"comment_start_string": "/*", "comment_end_string": "*/"},
            {"line_statement_prefix": "#"},
            {"line_comment_prefix": "#"},
            {"newline_sequence": "\r\n"},
            {"finalize": "other"},
            {"autoescape": True},
        )
    ),
]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda kept: dict.fromkeys(PRIVATE), id="tables that are empty"),
        pytest.param(
            lambda answers: {name: older(answers[name]) for name in PRIVATE}, id="tables of an older template"
        ),
        pytest.param(
            lambda kept: {
                "__names": "",
                "__account": "somebody-else",
                "__image": "us-east4-docker.pkg.dev/somebody-else/image",
                "_jinja2_env_vars": {"trim_blocks": False},
            },
            id="names of somebody else",
        ),
        *(pytest.param(lambda kept, o=options: o, id=json.dumps(options)) for options in FOREIGN_OPTIONS),
    ],
)
def test_replay_brings_in_answers_only(
    tmp_path: Path, bake: Bake, replayable: Mapping[str, Any], change: Callable[[Mapping[str, Any]], dict[str, Any]]
) -> None:
    service = replay(tmp_path, {**replayable, **change(replayable)})
    assert files_of(service) == bake(SUPPORTED[0]).files
    assert not [file for file in service.rglob("*") if file.is_file() and b"\r" in file.read_bytes()]


@pytest.mark.parametrize("answer", [*NO_TEXT, "", "x" * 200, "../two\nlines"], ids=json.dumps)
@pytest.mark.parametrize("question", questions())
def test_replay_of_an_answer_that_does_not_fit_is_refused(
    tmp_path: Path, replayable: Mapping[str, Any], question: str, answer: Any
) -> None:
    with pytest.raises(FailedHookException, match=f"^{question} ") as refused:
        replay(tmp_path, {**replayable, question: answer})
    assert_refused_in_one_sentence(refused, tmp_path / "output")


def test_replay_of_a_combination_that_does_not_work_is_refused(tmp_path: Path, replayable: Mapping[str, Any]) -> None:
    with pytest.raises(FailedHookException, match=r"^Flask does not go with asyncpg") as refused:
        replay(tmp_path, {**replayable, "framework": "flask", "driver": "asyncpg"})
    assert_refused_in_one_sentence(refused, tmp_path / "output")


def test_replay_takes_a_number_as_text(tmp_path: Path, bake: Bake, replayable: Mapping[str, Any]) -> None:
    service = replay(tmp_path, {**replayable, "python_version": float(replayable["python_version"])})
    assert files_of(service) == bake(SUPPORTED[0]).files


def test_file_of_the_documentation_can_be_replayed(tmp_path: Path) -> None:
    [example] = re.findall(r"```json\n(.*)\n```", (TEMPLATE / "docs" / "questions.md").read_text(encoding="utf-8"))
    file = tmp_path / "replay.json"
    file.write_text(example, encoding="utf-8")
    command: list[str | Path] = [sys.executable, "-m", "cookiecutter", "--replay-file", file, "-o", tmp_path, TEMPLATE]
    missing = len(questions()) - len(json.loads(example)["cookiecutter"])
    done = subprocess.run(command, input="\n" * missing, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "asyncpg" in (tmp_path / "notes-service" / "pyproject.toml").read_text(encoding="utf-8")


TEXT = st.text(max_size=130)
JSON = st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.lists(TEXT) | st.dictionaries(TEXT, TEXT)
FITTING = {
    question: st.sampled_from(default) if isinstance(default, list) else st.just(default)
    for question, default in questions().items()
}
ANY = {question: JSON | fitting for question, fitting in FITTING.items()}
ANSWERS = st.fixed_dictionaries({}, optional=FITTING) | st.fixed_dictionaries({}, optional=ANY)

#: How long the first example takes says something of the machine alone.
patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@patiently
@given(answers=ANSWERS, given=ANSWERS)
def test_answers_are_fitting_text_or_refused(answers: dict[str, Any], given: dict[str, Any]) -> None:
    with suppress(FailedHookException):
        fitting = checked({**answers, "_drivers": "other", "_template": "kept"}, given)
        assert {name: fitting[name] for name in tables()} == tables()
        assert fitting["_template"] == "kept"
        assert all(isinstance(fitting[question], str) for question in answers)
        assert all(fitting[question] in questions()[question] for question in CHOICES if question in answers)
        if {"framework", "driver"} <= answers.keys():
            assert DRIVERS[fitting["driver"]]["flavour"] in FRAMEWORKS[fitting["framework"]]["flavours"]


@patiently
@given(answers=ANSWERS, given=ANSWERS)
def test_refusal_is_one_sentence(answers: dict[str, Any], given: dict[str, Any]) -> None:
    try:
        checked(answers, given)
    except FailedHookException as refusal:
        sentence = str(refusal)
        assert sentence.endswith(".")
        assert sentence.isprintable()
        assert sentence.isascii()
        assert len(sentence) < 300
