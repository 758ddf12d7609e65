"""Every combination with every provider: its raw output, and what is said of providers, in code and in docs."""

import json
import subprocess
from collections.abc import Callable

import pytest

import test_output
from combinations import (
    CONTEXT,
    DRIVERS,
    PROVIDERS,
    RENDERED,
    SUPPORTED,
    Combination,
    each_with_another_provider,
)
from conftest import Bake
from environments import environment
from provider_page import PAGE, page
from test_linters import LINTERS, findings, texts_for

#: What test_output looks at in each combination.
CHECKS: list[Callable[[Bake, Combination], None]] = [
    test_output.test_same_files_as_every_other,
    test_output.test_nothing_of_jinja_is_left,
    test_output.test_no_trace_of_blank_lines_where_a_choice_was,
    test_output.test_data_files_parse,
    test_output.test_every_dependency_is_imported_or_is_the_driver,
    test_output.test_every_import_is_a_dependency,
    test_output.test_other_drivers_are_not_mentioned_in_the_code,
    test_output.test_engine_has_exactly_its_own_arguments,
    test_output.test_imports_run_one_way,
    test_output.test_every_setting_is_described_with_its_default,
    test_output.test_what_knows_no_web_framework_is_the_same_for_each,
]


@each_with_another_provider
def test_raw_output_is_finished(bake: Bake, combination: Combination) -> None:
    """Both pipelines take turns."""
    for check in CHECKS:
        check(bake, combination)
    for command in ("check", "format --check"):
        test_output.test_ruff_finds_nothing(bake, combination, command)
    pipelines = CONTEXT["pipeline"]
    pipeline = pipelines[RENDERED.index(combination) % len(pipelines)]
    for linter in LINTERS:
        assert not findings(linter, texts_for(linter, bake(combination, pipeline).path)), linter


@each_with_another_provider
def test_no_other_provider_is_named(bake: Bake, combination: Combination) -> None:
    """Except where the endpoints of all are recognized."""
    others = [row["name"] for name, row in PROVIDERS.items() if name not in {combination.provider, "other"}]
    for path, text in bake(combination).files.items():
        if path != "app/database/providers.py" and not path.startswith("tests/"):
            assert not [name for name in others if name in text], path


#: Prints what the service makes of connection strings: the provider, the kind of endpoint, and whether it would start.
RECOGNIZE = """
import json, sys
from pydantic import SecretStr
from app.database.driver import translate
from app.database.providers import recognize

known = [recognize(translate(SecretStr(text))[0]) for text in json.load(sys.stdin)]
print(json.dumps([known and [known.provider, known.kind] for known in known]))
"""


@pytest.mark.parametrize("driver", DRIVERS)
def test_connection_strings_as_printed_are_recognized_in_every_service(bake: Bake, driver: str) -> None:
    rows = [(row["name"], endpoint) for row in PROVIDERS.values() for endpoint in row["endpoints"].values()]
    project = bake(next(c for c in SUPPORTED if c.driver == driver))
    done = subprocess.run(
        [str(environment(project)), "-c", RECOGNIZE],
        cwd=project.path,
        input=json.dumps([endpoint["example"] for _, endpoint in rows]),
        capture_output=True,
        encoding="utf-8",
    )
    assert not done.stderr
    expected = [[name, endpoint["kind"]] if endpoint["host"] else None for name, endpoint in rows]
    assert json.loads(done.stdout) == expected


def test_page_of_the_docs_is_made_from_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "Run: python tests/provider_page.py"
