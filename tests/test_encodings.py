"""Text is UTF-8 on every system: where nobody says so, Windows takes another encoding for it."""

import ast
from pathlib import Path

import pytest

from combinations import SUPPORTED, TEMPLATE
from conftest import Bake

#: What gives or takes text, where it is no binary file.
FUNCTIONS = {"open", "read_text", "write_text"}

BINARY_MODES = {"'rb'", "'wb'", "'ab'"}


def calls_without_encoding(source: str) -> list[str]:
    """The calls that read or write text, of a file or of another process, in an encoding that the system chooses."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [ast.unparse(call) for call in calls if is_text(call) and not names_encoding(call)]


def is_text(call: ast.Call) -> bool:
    function = ast.unparse(call.func)
    if function.rpartition(".")[2] in FUNCTIONS and function != "os.open":
        return not any(ast.unparse(argument) in BINARY_MODES for argument in call.args)
    return any(keyword.arg == "text" and ast.unparse(keyword.value) == "True" for keyword in call.keywords)


def names_encoding(call: ast.Call) -> bool:
    return any(keyword.arg == "encoding" for keyword in call.keywords)


@pytest.mark.parametrize(
    "source",
    ["path.read_text()", "open(path)", "path.open('a')", "path.write_text('text')", "run(['ls'], text=True)"],
)
def test_call_without_encoding_is_found(source: str) -> None:
    assert calls_without_encoding(source) == [source]


@pytest.mark.parametrize("source", ["path.read_bytes()", "path.open('rb')", "os.open(path, 0)", "run(['ls'])"])
def test_call_that_has_to_do_with_bytes_is_not_found(source: str) -> None:
    assert not calls_without_encoding(source)


@pytest.mark.parametrize("folder", ["cloudrun_postgres_template", "hooks", "templates", "tests", "benchmarks"])
def test_template_reads_and_writes_utf_8(folder: str) -> None:
    assert_utf_8(TEMPLATE / folder)


def test_service_reads_and_writes_utf_8(bake: Bake) -> None:
    assert_utf_8(bake(SUPPORTED[0]).path)


def assert_utf_8(folder: Path) -> None:
    sources = {file: file.read_text(encoding="utf-8") for file in folder.rglob("*.py")}
    assert sources
    found = {str(file): calls for file, source in sources.items() if (calls := calls_without_encoding(source))}
    assert found == {}
