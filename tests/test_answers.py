"""What people answer, kindly meant or not."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from cookiecutter.exceptions import FailedHookException
from markdown_it import MarkdownIt

from cloudrun_postgres_template.names import shortened
from cloudrun_postgres_template.refusals import refuse_unfit_answers
from cloudrun_postgres_template.tables import questions
from cloudrun_postgres_template.text import markdown
from combinations import FRAMEWORKS, REFUSED, SUPPORTED, TEMPLATE, Combination

HOSTILE = [
    "it's \"quoted\" and 'quoted'",
    "back\\slash \\n \\u0041 \\",
    "Grüße, naïve café, 日本語",
    "🧀 cheese 👩‍💻"[:8],
    "$(touch owned) `touch owned` ; touch owned | cat && true > owned",
    "yaml: [1, 2] {a: b} # no comment & *anchor !tag | > - ? %",
    "{{ 7 * 7 }} {% raw %} {# comment #} {{ cookiecutter }}",
    "<script>alert(1)</script> [link](http://example.com) **bold** | table",
    '"""',
    "'''",
    "# heading",
    "---",
    "- item",
    "+ item",
    "1. item",
    "23) item",
    "  - item behind spaces",
    "     code",
    "costs $5 or $10",
    "see https://example.com/my_page?a=1&b=2#c~d",
    "HTTP://example.com/(my_page) or www.example.com/*",
    "x" * 120,
]

REFUSED_TEXT = ["two\nlines", "carriage\rreturn", "null\0byte", "bell\a", "x" * 121, "", "   ", "right\u202eleft"]


def cookiecutter(output: Path, *arguments: str, typed: str | None = None) -> subprocess.CompletedProcess[str]:
    """The command as a person runs it, with answers as arguments or typed at the prompts."""
    no_input = ["--no-input"] if typed is None else []
    return subprocess.run(
        [sys.executable, "-m", "cookiecutter", *no_input, "--output-dir", output, TEMPLATE, *arguments],
        capture_output=True,
        encoding="utf-8",
        input=typed,
    )


def type_answers(output: Path, **answers: str) -> subprocess.CompletedProcess[str]:
    """Answer these questions and take the default of every other."""
    return cookiecutter(output, typed="".join(f"{answers.get(question, '')}\n" for question in questions()))


def assert_refused(done: subprocess.CompletedProcess[str], output: Path) -> str:
    """One sentence, exit code 1, nothing on disk."""
    assert done.returncode == 1
    sentence = (done.stdout + done.stderr).strip().splitlines()[-1]
    assert "Traceback" not in done.stdout + done.stderr
    assert sentence.endswith(".")
    assert not list(output.iterdir())
    return sentence


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_typed_at_a_prompt_renders_a_valid_service(tmp_path: Path, text: str) -> None:
    done = type_answers(tmp_path, project_name=text, project_slug="service", description=text)
    assert done.returncode == 0, done.stdout + done.stderr
    service = tmp_path / "service"
    assert (
        tomllib.loads((service / "pyproject.toml").read_text(encoding="utf-8"))["project"]["description"]
        == text.strip()
    )
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", str(service)]
    lint = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert lint.returncode == 0, lint.stdout
    assert not list(tmp_path.rglob("owned"))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_in_the_readme_as_it_was_typed(text: str) -> None:
    for line, kind in ((f"# {markdown(text)}", "heading"), (markdown(text), "paragraph")):
        first, inline, last = MarkdownIt("gfm-like").parse(line)
        assert (first.type, last.type) == (f"{kind}_open", f"{kind}_close")
        # HTML shows no space at the beginning of a block.
        assert "".join(token.content for token in inline.children or []) == text.strip()
        assert {token.type for token in inline.children or []} <= {"text", "text_special"}


@pytest.mark.parametrize("question", ["project_name", "description"])
@pytest.mark.parametrize("text", REFUSED_TEXT)
def test_text_that_cannot_stand_on_one_line_is_refused(question: str, text: str) -> None:
    with pytest.raises(FailedHookException, match=question):
        refuse_unfit_answers({question: text})


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("project_slug", "Notes"),
        ("project_slug", "1-notes"),
        ("project_slug", "notes-"),
        ("project_slug", "notes_service"),
        ("project_slug", "../notes"),
        ("project_slug", "no"),
        ("project_slug", "n" * 38),
        ("project_slug", "con"),
        ("project_slug", "lpt1"),
        ("gcp_project_id", "My Project"),
        ("gcp_project_id", "123456789012"),
        ("gcp_project_id", "short"),
        ("gcp_region", "frankfurt"),
        ("gcp_region", "europe-west3-a"),
        ("gcp_region", "us-east4; touch owned"),
    ],
)
def test_wrong_name_is_refused_with_a_remedy(tmp_path: Path, question: str, answer: str) -> None:
    sentence = assert_refused(type_answers(tmp_path, **{question: answer}), tmp_path)
    assert f"{question} " in sentence


@pytest.mark.parametrize("slug", ["aux", "con", "nul", "prn", "com1", "lpt9"])
def test_refusal_of_a_slug_says_that_it_may_be_no_device(slug: str) -> None:
    with pytest.raises(FailedHookException, match="device on Windows"):
        refuse_unfit_answers({"project_slug": slug})


def test_long_project_name_gives_a_slug_that_fits(tmp_path: Path) -> None:
    done = type_answers(tmp_path, project_name="A service whose name says more than a name can")
    assert done.returncode == 0, done.stdout
    [service] = tmp_path.iterdir()
    assert service.name == "a-service-whose-name-says-more-" + service.name[-6:]


def test_shortened_names_stay_different() -> None:
    names = {shortened(f"customer-notification-service-{place}", 26) for place in ("east", "west")}
    assert len(names) == 2
    assert all(re.fullmatch(r"[a-z][a-z0-9-]{4,24}[a-z0-9]", name) for name in names)
    assert shortened("notes-service", 26) == "notes-service"


def test_wrong_answer_is_refused_before_the_next_question(tmp_path: Path) -> None:
    done = type_answers(tmp_path, project_slug="Notes")
    assert "Web framework" not in done.stdout


@pytest.mark.parametrize("combination", REFUSED, ids=str)
def test_combination_that_does_not_work_is_refused_with_those_that_do(tmp_path: Path, combination: Combination) -> None:
    arguments = [f"{question}={answer}" for question, answer in combination.answers.items()]
    fitting = [
        c.driver for c in SUPPORTED if c.framework == combination.framework and c.pooling_strategy == "null_pool"
    ]
    sentence = assert_refused(cookiecutter(tmp_path, *arguments), tmp_path)
    assert FRAMEWORKS[combination.framework]["name"] in sentence
    assert combination.driver in sentence
    assert f"choose {' or '.join(fitting)} as the driver" in sentence


def test_defaults_render_without_a_question(tmp_path: Path) -> None:
    done = cookiecutter(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "make run" in done.stdout
    assert (tmp_path / "notes-service" / "app" / "main.py").is_file()


def test_the_last_words_are_the_next_commands(tmp_path: Path) -> None:
    lines = cookiecutter(tmp_path).stdout.strip().splitlines()
    assert [line.split("#")[0].strip() for line in lines[-3:]] == [
        f"cd {tmp_path / 'notes-service'}",
        "make run",
        "make test",
    ]
