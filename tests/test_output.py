"""Every combination's output, raw as it was rendered."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from itertools import combinations, product

import pytest
import yaml

from cloudrun_postgres_template.unasync import unasync
from combinations import (
    CONTEXT,
    DRIVERS,
    FRAMEWORKS,
    LIVE,
    PROVIDERS,
    RENDERED,
    SUPPORTED,
    TEMPLATE,
    BakedProject,
    Combination,
    connect_args,
    each_combination,
)
from conftest import Bake
from environments import interpreter_for, interpreters

#: Distributions whose packages have another name, and those that are used without an import.
IMPORTED_AS = {"google-auth": "google", "psycopg2-binary": "psycopg2"}

#: What knows the template that it comes from.
NAMES_COOKIECUTTER = {".template.json", "Makefile", "README.md", "dev/update.py"}

#: What knows no web framework.
FRAMEWORK_FREE = (
    "app/database/",
    "app/log_lines.py",
    "app/logs.py",
    "app/models.py",
    "app/notes/models.py",
    "app/notes/queries.py",
    "app/settings.py",
    "app/web/documented_errors.py",
    "app/web/pages.py",
    "app/web/problems.py",
    "app/web/trace.py",
    "deploy/",
    "migrations/",
)

#: What each part of the application may import of the others; of itself, anything.
IMPORTS = {
    "app.database": set(),
    "app.log_lines": set(),
    "app.logs": {"app.log_lines"},
    "app.settings": {"app.database"},
    "app.models": {"app.notes"},
    "app.notes": {"app.database", "app.web"},
    "app.web": {"app.database", "app.logs", "app.settings"},
    "app.main": {"app.database", "app.models", "app.notes", "app.settings", "app.web"},
    "app.__main__": {"app.database", "app.logs", "app.main", "app.settings", "app.web"},
}


@each_combination
def test_same_files_as_every_other(bake: Bake, combination: Combination) -> None:
    common = bake(SUPPORTED[0]).files.keys() - set(PROVIDERS[SUPPORTED[0].provider]["files"])
    assert bake(combination).files.keys() == common | set(PROVIDERS[combination.provider]["files"])


@each_combination
def test_nothing_of_jinja_is_left(bake: Bake, combination: Combination) -> None:
    for path, text in bake(combination).files.items():
        left = re.sub(r"\$\{\{.*?\}\}", "", text) if path.startswith(".github/") else text
        assert not re.search(r"\{\{|\{%|\{#|%\}", left), path
        assert path in NAMES_COOKIECUTTER or "cookiecutter" not in left, path


@each_combination
def test_no_trace_of_blank_lines_where_a_choice_was(bake: Bake, combination: Combination) -> None:
    for path, text in bake(combination).files.items():
        assert not text.startswith("\n"), path
        assert not text.endswith("\n\n"), path
        assert not re.search(r"[ \t]+$", text, re.MULTILINE), path
        prose = re.sub(r"^```python\n.*?^```$", "code", text, flags=re.MULTILINE | re.DOTALL)
        assert path.endswith((".py", ".mako")) or "\n\n\n" not in prose, path


@each_combination
def test_data_files_parse(bake: Bake, combination: Combination) -> None:
    for path, text in bake(combination).files.items():
        if path.endswith(".toml"):
            tomllib.loads(text)
        elif path.endswith((".yaml", ".yml")):
            yaml.safe_load(text)
        elif path.endswith(".json"):
            json.loads(text)


@each_combination
@pytest.mark.parametrize("command", ["check", "format --check"])
def test_ruff_finds_nothing(bake: Bake, combination: Combination, command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command.split(), "--no-cache", "."],
        cwd=bake(combination).path,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr


@each_combination
def test_every_dependency_is_imported_or_is_the_driver(bake: Bake, combination: Combination) -> None:
    project = bake(combination)
    dependencies = tomllib.loads(project.read("pyproject.toml"))["project"]["dependencies"]
    source = "\n".join(text for path, text in project.files.items() if path.startswith(("app/", "migrations/")))
    imported = set(re.findall(r"^(?:from|import) (\w+)", source, re.MULTILINE))
    driver = DRIVERS[combination.driver]["dialect"].rpartition("+")[2]
    for dependency in dependencies:
        name = re.split(r"[\[><=]", dependency)[0]
        package = IMPORTED_AS.get(name, name).replace("-", "_")
        assert package in imported | {driver}, f"Nothing imports {name}."


@each_combination
def test_every_import_is_a_dependency(bake: Bake, combination: Combination) -> None:
    project = bake(combination)
    dependencies = tomllib.loads(project.read("pyproject.toml"))["project"]["dependencies"]
    names = [re.split(r"[\[><=]", dependency)[0] for dependency in dependencies]
    declared = {IMPORTED_AS.get(name, name).replace("-", "_") for name in names}
    source = "\n".join(text for path, text in project.files.items() if path.startswith(("app/", "migrations/")))
    imported = set(re.findall(r"^ *(?:from|import) (\w+)", source, re.MULTILINE))
    foreign = (
        imported
        - sys.stdlib_module_names
        - declared
        - set(FRAMEWORKS[combination.framework]["bases"])
        - {"app", "migrations", "pydantic_core"}
    )
    assert not foreign


@each_combination
def test_other_drivers_are_not_mentioned_in_the_code(bake: Bake, combination: Combination) -> None:
    own = DRIVERS[combination.driver]["dialect"]
    others = {driver["dialect"] for driver in DRIVERS.values()} - {own}
    for path, text in bake(combination).files.items():
        if path.startswith("app/"):
            assert not [other for other in others if re.search(rf"{re.escape(other)}\b", text)], path


@each_combination
def test_engine_has_exactly_its_own_arguments(bake: Bake, combination: Combination) -> None:
    engine = bake(combination).read("app/database/engine.py")
    own = connect_args(combination.driver, combination.endpoint)
    arguments = {
        argument
        for driver, endpoint in product(DRIVERS, ("direct", "pooled"))
        for argument in re.findall(r'"(\w+)":', connect_args(driver, endpoint))
    }
    for argument in arguments:
        assert (f'"{argument}":' in engine) == (f'"{argument}":' in own), argument
    assert ("poolclass=NullPool" in engine) == (combination.pooling_strategy == "null_pool")
    assert ("pool_pre_ping=True" in engine) == (combination.pooling_strategy != "null_pool")


@each_combination
def test_imports_run_one_way(bake: Bake, combination: Combination) -> None:
    for path, text in bake(combination).files.items():
        if path.startswith("app/") and path.endswith(".py") and path != "app/__init__.py":
            part = ".".join(["app", re.split(r"[/.]", path)[1]])
            foreign = {".".join(name.split(".")[:2]) for name in imported_names(text) if name.startswith("app.")}
            assert foreign - {part} <= IMPORTS[part], path


def imported_names(text: str) -> set[str]:
    """The modules, and what may be modules in them, that a file imports by absolute names."""
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    origins = [node for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    return plain | {f"{node.module}.{alias.name}" for node in origins for alias in node.names}


@each_combination
def test_every_setting_is_described_with_its_default(bake: Bake, combination: Combination) -> None:
    project = bake(combination)
    classes = [project.read(path).partition("Settings(")[2] for path in ("app/settings.py", "app/database/settings.py")]
    pattern = r"^    (\w+): .*?(?:= (?:Field\(default=)?\"?([\w-]+)|$)"
    fields = [field for text in classes for field in re.findall(pattern, text.split("\n    @")[0], re.MULTILINE)]
    assert len(fields) > 8
    for name, default in fields:
        value = re.escape({"None": "", "True": "true", "False": "false"}.get(default, default))
        assert re.search(rf"^# {name.upper()}=.*{value}", project.read(".env.example"), re.MULTILINE), name
        assert re.search(rf"^\| `{name.upper()}` \|.*{value}.* \|", project.read("README.md"), re.MULTILINE), name


def test_no_file_of_the_template_reads_all_three_choices() -> None:
    choices = (
        r"cookiecutter\.framework|_frameworks\b",
        r"cookiecutter\.pooling_strategy|_pooling_strategies\b",
        r"cookiecutter\.driver|_drivers\b",
    )
    # What describes the whole service to its reader, rather than being part of it.
    described = {"README.md"}
    sources = [*TEMPLATE.glob("{{*/**/*"), *TEMPLATE.glob("templates/**/*")]
    for source in sources:
        if source.is_file() and source.name not in described:
            read = [choice for choice in choices if re.search(choice, source.read_text(encoding="utf-8"))]
            assert len(read) < 3, source


def test_output_differs_only_where_its_choices_do(bake: Bake) -> None:
    """No file's text depends on all three choices, except where they are described or recorded."""
    described = {"README.md", ".template.json"}
    projects = [bake(combination) for combination in SUPPORTED]
    for path in projects[0].files.keys() - described:
        dependent = [
            pair
            for pair in combinations(("framework", "pooling_strategy", "driver"), 2)
            if is_function_of(pair, path, projects)
        ]
        assert dependent, path


def test_live_combinations_cover_every_engine_and_every_framework_sync_and_async() -> None:
    for covered in ("engine", "framework_flavour"):
        assert {getattr(c, covered) for c in LIVE} == {getattr(c, covered) for c in SUPPORTED}
    assert len(LIVE) == len({c.engine for c in LIVE})


@pytest.mark.parametrize("covered", ["driver", "framework_flavour"])
def test_live_combinations_meet_the_oldest_python_and_the_newest(covered: str) -> None:
    met: dict[str, set[str]] = {}
    for combination in LIVE:
        met.setdefault(getattr(combination, covered), set()).add(interpreter_for(combination))
    assert set(map(frozenset, met.values())) == {frozenset(interpreters())}


def is_function_of(choices: tuple[str, ...], path: str, projects: list[BakedProject]) -> bool:
    """Whether the file is the same wherever these choices are the same."""
    texts: dict[tuple[str, ...], set[str]] = {}
    for project in projects:
        key = tuple(project.combination.answers[choice] for choice in choices)
        texts.setdefault(key, set()).add(project.read(path))
    return all(len(variants) == 1 for variants in texts.values())


@each_combination
def test_what_knows_no_web_framework_is_the_same_for_each(bake: Bake, combination: Combination) -> None:
    alike = (c for c in RENDERED if (c.engine, c.provider) == (combination.engine, combination.provider))
    project, first = bake(combination), bake(next(alike))
    files = {path: text for path, text in project.files.items() if path.startswith(FRAMEWORK_FREE)}
    assert len(files) > len(FRAMEWORK_FREE)
    assert files == {path: first.read(path) for path in files}


@pytest.mark.parametrize("framework", [name for name, row in FRAMEWORKS.items() if "async" in row["flavours"]])
def test_sync_and_async_services_differ_in_text_only_by_the_derivation(bake: Bake, framework: str) -> None:
    """psycopg serves both, so nothing but the flavour distinguishes the two services' code."""
    sync, asynchronous = (
        bake(Combination(framework, SUPPORTED[0].pooling_strategy, driver)) for driver in ("psycopg", "psycopg_async")
    )
    written_twice = {"app/web/lifespan.py", "app/web/database_calls.py"}
    described = {"README.md", ".template.json", "pyproject.toml"}
    for path, text in asynchronous.files.items():
        if path not in written_twice | described:
            assert sync.read(path) in {text, unasync(text, "sync") if path.endswith(".py") else text}, path


@pytest.mark.parametrize(
    ("choice", "table"),
    [
        ("framework", "_frameworks"),
        ("provider", "_providers"),
        ("pooling_strategy", "_pooling_strategies"),
        ("driver", "_drivers"),
        ("pipeline", "_pipelines"),
    ],
)
def test_each_choice_has_a_row_and_a_prompt(choice: str, table: str) -> None:
    assert list(CONTEXT[table]) == CONTEXT[choice] == list(CONTEXT["__prompts__"][choice])[1:]


def test_labels_of_each_prompt_line_up() -> None:
    for question, prompt in CONTEXT["__prompts__"].items():
        if isinstance(prompt, dict):
            labels = [label for name, label in prompt.items() if name != "__prompt__" and "  " in label]
            columns = {re.search(r"  +(?=\S)", label).end() for label in labels}  # type: ignore[union-attr]
            assert len(columns) <= 1, question
