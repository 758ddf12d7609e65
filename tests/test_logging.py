"""What a service logs is one line of strict JSON that Cloud Logging takes, whatever happens, and wherever it fails."""

import importlib
import json
import logging
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from combinations import FLAVOURS, BakedProject, Combination, each
from conftest import Bake
from environments import environment
from servers import PostgresServer, free_port
from storm import service_environment

#: What Cloud Logging takes of one entry (https://cloud.google.com/logging/quotas), less what it adds itself.
MOST_BYTES = (256 - 16) * 1024

SEVERITIES = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]

#: What each entry has.
OWN = {"time", "severity", "message", "logger"}


class Unwritable:
    def __str__(self) -> str:
        raise ValueError("It has no text.")

    __repr__ = __str__


class Unlistable(dict[str, int]):
    def items(self) -> Any:
        raise RuntimeError("It changes.")


def circular() -> list[Any]:
    values: list[Any] = []
    values.extend([values, values, {"again": values}])
    return values


def deep() -> Any:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    return value


#: Each makes a value that cannot be written as it is.
ODD: list[Callable[[], Any]] = [
    Unwritable,
    circular,
    deep,
    object,
    lambda: Unlistable(a=1),
    lambda: 10**5000,
    lambda: -(2**70),
    lambda: [0] * 200_000,
]


class Logs:
    """The modules of a rendered service that write its log, in this process."""

    def __init__(self) -> None:
        self.logs: Any = importlib.import_module("app.logs")
        self.lines: Any = importlib.import_module("app.log_lines")
        self.trace: Any = importlib.import_module("app.web.trace")
        self.formatter = self.logs.JSONFormatter()

    def entry(self, message: object = "hello", *arguments: object, **attributes: Any) -> dict[str, Any]:
        record = logging.LogRecord("tests", logging.INFO, __file__, 1, message, arguments, None)
        vars(record).update(attributes)
        return strict_entry(self.formatter.format(record))


def strict_entry(line: str) -> dict[str, Any]:
    """The entry of this line, which must be strict JSON in one line, and no longer than Cloud Logging takes."""
    assert len(line.splitlines()) == 1
    assert len(line.encode()) <= MOST_BYTES
    entry = json.loads(line, parse_constant=not_strict, object_pairs_hook=without_duplicates)
    json.dumps(entry, ensure_ascii=False).encode()
    assert bytes_in_cloud_logging(entry) <= MOST_BYTES
    assert entry.keys() >= OWN
    assert entry["severity"] in SEVERITIES
    return dict(entry)


def not_strict(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON.")


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


def bytes_in_cloud_logging(value: Any) -> int:
    """What the value takes as google.protobuf.Value: two bytes and more around each value, and a number as a double."""
    match value:
        case None | bool():
            return 4
        case int() | float():
            return 11
        case str():
            return 6 + len(value.encode())
        case list():
            return 6 + sum(map(bytes_in_cloud_logging, value))
        case _:
            return 6 + sum(10 + len(name.encode()) + bytes_in_cloud_logging(inner) for name, inner in value.items())


@pytest.fixture(scope="module")
def logs(bake: Bake) -> Iterator[Logs]:
    folder = str(bake(FLAVOURS[0]).path)
    before = set(sys.modules)
    sys.path.insert(0, folder)
    try:
        yield Logs()
    finally:
        sys.path.remove(folder)
        for name in [name for name in sys.modules if name.partition(".")[0] == "app" and name not in before]:
            del sys.modules[name]


#: Also lone surrogates, and characters that split lines.
texts = st.text(
    st.characters(codec=None) | st.sampled_from('\x00\n\r\x0b\x1c\x85\u2028\u2029\ud800\udc80\U0001f9c0"\\%')
)

long_texts = st.builds(lambda text, times: text * times, texts, st.sampled_from([1, 1, 1, 500, 100_000]))

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | long_texts
    | st.binary()
    | st.decimals()
    | st.datetimes()
    | st.sampled_from(ODD).map(lambda make: make())
)

names = (
    texts
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.none()
    | st.tuples(st.integers())
    | st.sampled_from([*sorted(OWN), "1", "None", "message_"])
    | st.builds(Unwritable)
)

values = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(names, inner) | st.sets(st.integers()),
    max_leaves=20,
)

#: The fixtures keep nothing between two examples.
thorough = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


class Failure(Exception):
    """An error with any text, or with none."""

    def __init__(self, text: Any) -> None:
        self.text = text

    def __str__(self) -> str:
        return str(self.text)


def raised(text: Any, depth: int) -> BaseException:
    def fail(frames: int) -> None:
        if frames:
            fail_again(frames)
        raise Failure(text)

    def fail_again(frames: int) -> None:
        fail(frames - 1)

    try:
        fail(depth)
    except Failure as error:
        return error
    raise AssertionError


@thorough
@given(
    message=long_texts | values,
    arguments=st.lists(values, max_size=2).map(tuple),
    level=st.integers(0, 60),
    fields=values | st.dictionaries(names, values),
    failure=st.none() | st.tuples(long_texts | st.builds(Unwritable), st.sampled_from([0, 1, 200])),
    stack=st.none() | long_texts,
)
def test_any_record_is_one_line_of_strict_json(
    logs: Logs,
    message: Any,
    arguments: tuple[Any, ...],
    level: int,
    fields: Any,
    failure: tuple[Any, int] | None,
    stack: str | None,
) -> None:
    error = raised(*failure) if failure else None
    info = (type(error), error, error.__traceback__) if error else None
    entry = logs.entry(message, *arguments, levelno=level, fields=fields, exc_info=info, stack_info=stack)
    assert entry["severity"] == SEVERITIES[min(max(level // 10 - 1, 0), 4)]
    assert entry["logger"] == "tests"


writable = st.characters(codec="utf-8")

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(writable),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(writable), inner, max_size=5),
    max_leaves=20,
)


@thorough
@given(fields=st.dictionaries(st.text(writable).filter(lambda name: name.rstrip("_") not in OWN), plain))
def test_fields_that_are_json_stay_as_they_are(logs: Logs, fields: dict[str, Any]) -> None:
    entry = logs.entry(fields=fields)
    assert {name: value for name, value in entry.items() if name not in OWN} == fields


@thorough
@given(fields=st.dictionaries(st.sampled_from([f"{name}{'_' * n}" for name in OWN for n in range(3)]), st.integers()))
def test_no_field_is_lost_or_replaces_what_each_entry_has(logs: Logs, fields: dict[str, int]) -> None:
    entry = logs.entry(fields=fields)
    assert entry["message"] == "hello"
    assert sorted(value for name, value in entry.items() if name not in OWN) == sorted(fields.values())


@thorough
@given(text=long_texts, size=st.integers(256, 70_000))
@example(text="\0" * 100 + "a" * 2000, size=1000)
def test_cut_text_fits_and_keeps_its_beginning_and_its_end(logs: Logs, text: str, size: int) -> None:
    text = logs.lines.text_of(text)
    short = logs.lines.cut(text, size)
    assert len(json.dumps(short, ensure_ascii=False).encode()) - 2 <= 2 * size
    assert len(short.encode()) <= size
    if len(text.encode()) * 6 <= size:
        assert short == text
    if short != text:
        first, _, rest = short.partition(" [... cut, of ")
        last = rest.partition(" characters ...] ")[2]
        assert text.startswith(first)
        assert text.endswith(last)
        assert first
        assert last


@thorough
@given(method=long_texts, path=long_texts, agent=long_texts)
def test_what_a_client_says_takes_two_kilobytes(logs: Logs, method: str, path: str, agent: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        records: list[logging.LogRecord] = []
        patch.setattr(logs.logs.requests, "handle", records.append)
        patch.setattr(logs.logs.requests, "level", logging.INFO)
        logs.logs.log_request(method, path, 200, agent, 0.5, {})
    [record] = records
    request = strict_entry(logs.formatter.format(record))["httpRequest"]
    assert (request["status"], request["latency"]) == (200, "0.500000s")
    for name, given_text in {"requestMethod": method, "requestUrl": path, "userAgent": agent}.items():
        assert len(request[name].encode()) <= 2048
        if len(given_text) <= 256:
            assert request[name] == logs.lines.text_of(given_text)


@pytest.mark.parametrize("count", [1, 50, 2000])
def test_error_stays_whole_behind_any_number_of_frames(logs: Logs, count: int) -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    try:
        error = raised("the reason", count)
    finally:
        sys.setrecursionlimit(limit)
    message = logs.entry("It failed.", exc_info=(type(error), error, error.__traceback__))["message"]
    assert message.startswith("It failed.\nTraceback (most recent call last):\n")
    assert message.splitlines()[-1].endswith("Failure: the reason")


def test_error_with_a_long_text_keeps_its_name_behind_many_frames(logs: Logs) -> None:
    error = raised("\n".join(f"reason {number}" for number in range(100_000)), 400)
    message = logs.entry("m" * 1_000_000, exc_info=(type(error), error, error.__traceback__))["message"]
    assert "\nTraceback (most recent call last):\n" in message
    assert "Failure: reason 0\n" in message
    assert message.endswith("reason 99999")


def test_entries_fit_where_numbers_take_the_most(logs: Logs) -> None:
    for count in range(0, 20_000, 777):
        logs.entry("m" * count, fields={"numbers": [0] * count, "more": {str(number): 0 for number in range(count)}})


TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


def trace(logs: Logs, parents: list[str], context: str = "") -> dict[str, Any]:
    headers = [(b"accept", b"*/*"), *((b"traceparent", parent.encode()) for parent in parents)]
    found = logs.trace.trace_of([*headers, (b"x-cloud-trace-context", context.encode())], "p")
    return {name.removeprefix("logging.googleapis.com/"): value for name, value in found.items()}


#: Values of traceparent, some of them from W3C's own tests (https://github.com/w3c/trace-context/tree/main/test).
WRONG_PARENTS = {
    "trace is all zeros": f"00-{'0' * 32}-{SPAN}-01",
    "span is all zeros": f"00-{TRACE}-{'0' * 16}-01",
    "version ff": f"ff-{TRACE}-{SPAN}-01",
    "version of one digit": f"0-{TRACE}-{SPAN}-01",
    "version of three digits": f"000-{TRACE}-{SPAN}-01",
    "version in upper case": f"0A-{TRACE}-{SPAN}-01",
    "trace in upper case": f"00-{TRACE.upper()}-{SPAN}-01",
    "span in upper case": f"00-{TRACE}-{SPAN.upper()}-01",
    "flags in upper case": f"00-{TRACE}-{SPAN}-0A",
    "trace too long": f"00-{TRACE}0-{SPAN}-01",
    "trace too short": f"00-{TRACE[1:]}-{SPAN}-01",
    "span too long": f"00-{TRACE}-{SPAN}0-01",
    "span too short": f"00-{TRACE}-{SPAN[1:]}-01",
    "no flags": f"00-{TRACE}-{SPAN}",
    "flags too long": f"00-{TRACE}-{SPAN}-011",
    "five parts in version 00": f"{PARENT}-what-the-future-will-be-like",
    "a dash behind version 00": f"{PARENT}-",
    "no dash before the fifth part": f"cc-{TRACE}-{SPAN}-01.what-the-future-will-be-like",
    "digits that are not ASCII": f"00-{TRACE}-{SPAN}-0\N{ARABIC-INDIC DIGIT ONE}",
    "a list": f"{PARENT},{PARENT}",
}


@pytest.mark.parametrize("parent", WRONG_PARENTS.values(), ids=WRONG_PARENTS)
def test_traceparent_that_names_no_trace(logs: Logs, parent: str) -> None:
    assert trace(logs, [parent]) == {}


@pytest.mark.parametrize("parent", [PARENT, f"cc{PARENT[2:]}", f"cc{PARENT[2:]}-", f"01{PARENT[2:]}-what-the-future"])
def test_traceparent_that_names_a_trace(logs: Logs, parent: str) -> None:
    assert trace(logs, [parent]) == {"trace": f"projects/p/traces/{TRACE}", "spanId": SPAN, "trace_sampled": True}


def test_two_traceparents_name_no_trace_and_the_older_header_does(logs: Logs) -> None:
    parents = [PARENT, PARENT.replace("331-", "332-")]
    assert trace(logs, parents) == {}
    assert trace(logs, parents, f"{TRACE}/1")["spanId"] == f"{1:016x}"


@pytest.mark.parametrize(
    ("context", "span"),
    [
        (TRACE, None),
        (f"{TRACE}/0", None),
        (f"{TRACE}/00000000000000000000;o=0", None),
        (f"{TRACE}/1", f"{1:016x}"),
        (f"{TRACE}/{2**64 - 1}", "f" * 16),
    ],
)
def test_older_header_names_a_trace_and_maybe_a_span(logs: Logs, context: str, span: str | None) -> None:
    found = trace(logs, [], context)
    assert (found["trace"], found.get("spanId"), found["trace_sampled"]) == (f"projects/p/traces/{TRACE}", span, False)


@pytest.mark.parametrize("context", [f"{'0' * 32}/1", f"{TRACE}/{2**64}", f"{TRACE}/{10**20 - 1}", f"{TRACE}/-1"])
def test_older_header_that_names_no_trace(logs: Logs, context: str) -> None:
    assert trace(logs, [], context) == {}


@thorough
@given(
    parent=st.from_regex(r"[0-9a-fA-F]{2}-[0-9a-fA-F]{32}-[0-9a-fA-F]{16}-[0-9a-fA-F]{2}(-.*)?", fullmatch=True)
    | st.text()
)
def test_ids_of_a_trace_are_valid(logs: Logs, parent: str) -> None:
    if found := trace(logs, [parent]):
        assert int(found["spanId"], 16) > 0
        assert int(found["trace"].rpartition("/")[2], 16) > 0
        assert found["spanId"] == found["spanId"].lower()
        assert not parent.startswith("ff")


def run(project: BakedProject, *arguments: str, folder: Path, **others: str) -> subprocess.CompletedProcess[str]:
    """A process of the service in this folder, where its database does not answer."""
    url = f"postgresql://user:not-a-real-secret@127.0.0.1:{free_port()}/none"
    values = service_environment(url, url, DATABASE_WAKE_TIMEOUT="0", PYTHONPATH=str(folder), PORT=str(free_port()))
    command = [str(environment(project)), *arguments]
    return subprocess.run(
        command, cwd=folder, env={**values, **others}, capture_output=True, encoding="utf-8", timeout=120, check=False
    )


def entries(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert "not-a-real-secret" not in done.stdout + done.stderr
    assert not done.stderr
    return [strict_entry(line) for line in done.stdout.splitlines()]


def critical(done: subprocess.CompletedProcess[str]) -> str:
    """The message of the only entry of this severity; the process has failed."""
    assert done.returncode == 1, done.stdout + done.stderr
    [entry] = [entry for entry in entries(done) if entry["severity"] == "CRITICAL"]
    message = entry["message"]
    assert isinstance(message, str)
    return message


@pytest.fixture
def copied(bake: Bake, combination: Combination, tmp_path: Path) -> BakedProject:
    """The service in a folder where a test may break it."""
    folder = tmp_path / "service"
    shutil.copytree(bake(combination).path, folder)
    return BakedProject(combination, folder)


one = each(FLAVOURS[:1])

#: Standard output in another encoding changes nothing.
ENCODINGS = [{"PYTHONIOENCODING": "latin-1"}, {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}]

CONFIGURE = "import logging, sys, threading, time, warnings\nfrom app import logs\nlogs.configure()\n"


@one
@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_lines_are_utf8_whatever_the_encoding_of_the_process(copied: BakedProject, encoding: dict[str, str]) -> None:
    code = CONFIGURE + r"logging.error('K\xe4se \U0001f9c0 \u2028 \udc80')"
    [entry] = entries(run(copied, "-c", code, folder=copied.path, **encoding))
    assert entry["message"] == "Käse 🧀 \u2028 \\udc80"


UNHANDLED = {
    "1 / 0": ("CRITICAL", "The process ends: ZeroDivisionError", 1),
    "import missing": ("CRITICAL", "ModuleNotFoundError: No module named 'missing'", 1),
    "raise ValueError('\\ud800\\n' * 1_000_000)": ("CRITICAL", "ValueError: \\ud800", 1),
    "threading.Thread(target=lambda: 1 / 0, name='mine').start()": (
        "ERROR",
        "The thread mine ends: ZeroDivisionError",
        0,
    ),
    "class C:\n    def __del__(self): 1 / 0\nC()": ("ERROR", "Exception ignored", 0),
    "warnings.warn('careful')": ("WARNING", "UserWarning: careful", 0),
    "logging.error('here', stack_info=True)": ("ERROR", "here\nStack (most recent call last):\n", 0),
    "logging.error('%d', 'x')": ("ERROR", "%d ('x',)", 0),
}


@one
@pytest.mark.parametrize("code", UNHANDLED)
def test_what_nothing_handles_is_one_entry(copied: BakedProject, code: str) -> None:
    severity, said, exit_code = UNHANDLED[code]
    done = run(copied, "-c", CONFIGURE + code, folder=copied.path)
    [entry] = entries(done)
    assert entry["severity"] == severity
    assert said in entry["message"]
    assert done.returncode == exit_code


@one
@pytest.mark.parametrize(
    ("code", "exit_code", "said"),
    [
        ("raise KeyboardInterrupt", -2, "KeyboardInterrupt"),
        ("raise SystemExit(3)", 3, ""),
        ("sys.exit('a reason')", 1, "a reason\n"),
        ("threading.Thread(target=sys.exit).start()", 0, ""),
    ],
)
def test_interrupt_and_exit_are_as_python_does_them(copied: BakedProject, code: str, exit_code: int, said: str) -> None:
    done = run(copied, "-c", CONFIGURE + code, folder=copied.path)
    assert (done.returncode, done.stdout) == (exit_code, "")
    assert said in done.stderr if said else not done.stderr


@one
def test_lines_in_a_terminal_are_for_people(copied: BakedProject) -> None:
    reader, terminal = pty.openpty()
    command = [str(environment(copied)), "-c", f"{CONFIGURE}logging.error('Käse \\udc80')\nimport missing"]
    values = service_environment("", "", PYTHONPATH=str(copied.path))
    assert subprocess.run(command, cwd=copied.path, env=values, stdout=terminal, check=False).returncode == 1
    os.close(terminal)
    text = os.read(reader, 65_536).decode()
    os.close(reader)
    lines = text.splitlines()
    assert lines[0].endswith("ERROR   root: Käse \\udc80")
    assert "CRITICAL app.logs: The process ends: ModuleNotFoundError: No module named 'missing'" in lines[1]
    assert lines[2] == "Traceback (most recent call last):"


#: Modules whose import may fail, and a package that may be missing.
BROKEN = [
    "app/settings.py",
    "app/main.py",
    "app/database/engine.py",
    "app/notes/models.py",
    "app/web/health.py",
    "sqlalchemy.py",
]


@each(FLAVOURS)
@pytest.mark.parametrize("path", BROKEN)
def test_import_that_fails_is_one_critical_entry(copied: BakedProject, path: str) -> None:
    (copied.path / path).write_text("raise ImportError('It is broken here.')\n", encoding="utf-8")
    message = critical(run(copied, "-m", "app", folder=copied.path))
    assert message.startswith("The process ends: ImportError: It is broken here.\nTraceback (most recent call last):")


UNREADABLE = {"not UTF-8": ".env is not UTF-8", "a directory": ".env is a directory"}


def spoil_env(folder: Path, how: str) -> None:
    if how == "a directory":
        (folder / ".env").mkdir()
    else:
        (folder / ".env").write_bytes(b"DATABASE_URL=not-a-real-secret\xff")


@each(FLAVOURS)
@pytest.mark.parametrize("how", UNREADABLE)
@pytest.mark.parametrize("arguments", [("app",), ("migrations", "upgrade", "head")], ids=" ".join)
def test_unreadable_env_is_one_critical_entry(copied: BakedProject, how: str, arguments: tuple[str, ...]) -> None:
    spoil_env(copied.path, how)
    message = critical(run(copied, "-m", *arguments, folder=copied.path, DATABASE_URL=""))
    assert message.startswith("The settings are wrong. ")
    assert UNREADABLE[how] in message


def spoil_module(folder: Path) -> None:
    (folder / "app" / "database" / "driver.py").write_text(
        "raise ImportError('It is broken here.')\n", encoding="utf-8"
    )


CHECKS: dict[str, Callable[[Path], object]] = {
    "The check failed. ImportError: It is broken here.": spoil_module,
    "The settings are wrong. .env is not UTF-8": lambda folder: spoil_env(folder, "not UTF-8"),
    "The database does not answer: ": lambda folder: None,
}


@each(FLAVOURS)
@pytest.mark.parametrize("said", CHECKS)
def test_check_that_cannot_look_says_why_in_one_line(copied: BakedProject, said: str) -> None:
    CHECKS[said](copied.path)
    done = run(copied, "-m", "app.database.check", "--json", folder=copied.path)
    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr, report["ok"], report["facts"]) == (1, "", False, None)
    assert report.keys() == {"ok", "error", "facts", "direct_facts", "contradictions", "notes"}
    assert report["error"].startswith(said)
    done = run(copied, "-m", "app.database.check", folder=copied.path)
    assert (done.returncode, done.stdout) == (1, "")
    entry = json.loads(done.stderr)
    assert entry["severity"] == "CRITICAL"
    assert entry["message"].startswith(said)


REVISION = "revision = {name!r}\ndown_revision = '0001'\n\n\ndef upgrade() -> None:\n    {body}\n"


def add_migration(folder: Path, name: str, body: str) -> None:
    (folder / "migrations" / "versions" / f"{name}.py").write_text(
        REVISION.format(name=name, body=body), encoding="utf-8"
    )


def job(project: BakedProject, *options: str, url: str = "") -> str:
    """The critical entry of the job that migrates, with its own command."""
    container = yaml.safe_load(project.read("deploy/migrate-job.yaml"))["spec"]["template"]["spec"]["template"]["spec"]
    _, *arguments = container["containers"][0]["command"]
    others = {"DATABASE_URL": url, "DATABASE_DIRECT_URL": url} if url else {}
    return critical(run(project, *arguments, *options, folder=project.path, **others))


@each(FLAVOURS)
def test_migration_that_fails_is_one_critical_entry(
    copied: BakedProject, postgres: PostgresServer, database: str
) -> None:
    add_migration(copied.path, "added", "op.execute('SELECT 1 / 0')")
    versions = copied.path / "migrations" / "versions" / "added.py"
    versions.write_text(f"from alembic import op\n\n{versions.read_text(encoding='utf-8')}", encoding="utf-8")
    # Where the strategy wants a pooled endpoint, a direct URL of no known provider will do.
    message = job(copied, url=postgres.direct_url(database))
    assert "division by zero" in message.splitlines()[0]
    assert "Traceback (most recent call last):" in message


@each(FLAVOURS)
def test_job_that_cannot_migrate_says_why_in_one_critical_entry(copied: BakedProject) -> None:
    assert job(copied).startswith("The database does not answer: ")
    spoil_module(copied.path)
    assert job(copied).startswith("The process ends: ImportError: It is broken here.")


@one
def test_migrations_that_do_not_fit_together_are_one_critical_entry(
    copied: BakedProject, postgres: PostgresServer, database: str
) -> None:
    url = postgres.direct_url(database)
    add_migration(copied.path, "first", "pass")
    add_migration(copied.path, "second", "pass")
    assert job(copied, url=url).startswith("The migrations were not run. Multiple head revisions are present")
    values = {"DATABASE_URL": url, "DATABASE_DIRECT_URL": url}
    message = critical(run(copied, "-m", "migrations", "upgrade", "unknown", folder=copied.path, **values))
    assert message == "The migrations were not run. Can't locate revision identified by 'unknown'"
    add_migration(copied.path, "second", "this is no Python")
    assert job(copied, url=url).startswith("The process ends: SyntaxError: ")
