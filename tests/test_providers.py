"""Every combination with every provider: its raw output, and what is said of providers, in code and in docs."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

import test_output
from combinations import (
    CONTEXT,
    DRIVERS,
    PROVIDERS,
    RENDERED,
    STRATEGIES,
    SUPPORTED,
    BakedProject,
    Combination,
    each_with_another_provider,
)
from conftest import Bake
from environments import environment
from provider_page import PAGE, page
from test_answers import assert_refused, cookiecutter
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


@pytest.mark.parametrize(
    ("provider", "strategy"),
    [pair for pair in product(PROVIDERS, STRATEGIES) if pair[1] not in PROVIDERS[pair[0]]["strategies"]],
)
def test_strategy_that_the_provider_has_no_endpoint_for_is_refused(
    tmp_path: Path, provider: str, strategy: str
) -> None:
    done = cookiecutter(tmp_path, f"provider={provider}", f"pooling_strategy={strategy}")
    sentence = assert_refused(done, tmp_path)
    fitting = " or ".join(PROVIDERS[provider]["strategies"])
    assert f"{PROVIDERS[provider]['name']} does not go with {strategy}" in sentence
    assert f"choose {fitting} as the pooling strategy, or another provider" in sentence


@pytest.mark.parametrize("before", PROVIDERS)
@pytest.mark.parametrize("after", ["neon", "cloud_sql"])
def test_service_that_is_rendered_over_has_the_files_of_its_provider(
    bake: Bake, tmp_path: Path, before: str, after: str
) -> None:
    first, then = (replace(SUPPORTED[0], pooling_strategy="queue_pool", provider=name) for name in (before, after))
    service = shutil.copytree(bake(first).path, tmp_path / bake(first).path.name)
    answers = [f"{question}={answer}" for question, answer in then.answers.items()]
    assert cookiecutter(tmp_path, "--overwrite-if-exists", *answers).returncode == 0
    assert BakedProject(then, service).files == bake(then).files


def test_page_of_the_docs_is_made_from_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "Run: python tests/provider_page.py"
