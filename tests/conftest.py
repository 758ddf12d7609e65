"""The rendered services, and one PostgreSQL with one PgBouncer for the whole session."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any, Protocol
from uuid import uuid4

import pytest

from combinations import CONTEXT, FLAVOURS, TEMPLATE, BakedProject, Combination
from live import LiveService, Start, one_slot, starting_owners
from servers import INSTALL_SERVERS, PgBouncer, PostgresServer, ServerBinaries, find_servers

RecordProperty = Callable[[str, object], None]

#: Each of these takes up to a minute.
LONG = ("test_owner_path.py::", "test_services.py::test_own_tests_pass", "test_storm.py::")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each worker begin with some of the long tests, so that in the end nobody waits for the last of them.

    pytest-xdist gives each worker a part of the list that hangs together, and what is left of it to others later.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [item for item in items if any(part in item.nodeid for part in LONG)]
    others = [item for item in items if item not in long]
    share = -(-len(others) // workers)
    items[:] = [
        item
        for worker in range(workers)
        for item in [*long[worker::workers], *others[worker * share : (worker + 1) * share]]
    ]


@pytest.fixture(scope="session", autouse=True)
def nobody_s_configuration(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Cookiecutter neither reads the configuration of the person who tests nor replaces what he can replay."""
    folder = tmp_path_factory.mktemp("cookiecutter")
    configuration = folder / "configuration.yaml"
    configuration.write_text(
        json.dumps({"replay_dir": str(folder), "cookiecutters_dir": str(folder)}), encoding="utf-8"
    )
    os.environ["COOKIECUTTER_CONFIG"] = str(configuration)


class Bake(Protocol):
    def __call__(self, combination: Combination, pipeline: str = ...) -> BakedProject: ...


@pytest.fixture(scope="session")
def bake(cookies_session: Any) -> Bake:
    """Render a combination with a pipeline, once in a session."""
    baked: dict[tuple[Combination, str], BakedProject] = {}

    def render(combination: Combination, pipeline: str = CONTEXT["pipeline"][0]) -> BakedProject:
        if (combination, pipeline) not in baked:
            answers = combination.answers | {"pipeline": pipeline}
            result = cookies_session.bake(extra_context=answers, template=str(TEMPLATE))
            if result.exception:
                raise result.exception
            baked[combination, pipeline] = BakedProject(combination, result.project_path)
        return baked[combination, pipeline]

    return render


@pytest.fixture(scope="session")
def server_binaries() -> ServerBinaries:
    binaries = find_servers()
    if binaries is None and os.environ.get("CI"):
        pytest.fail(INSTALL_SERVERS)
    if binaries is None:
        pytest.skip(INSTALL_SERVERS)
    return binaries


@pytest.fixture(scope="session")
def postgres(server_binaries: ServerBinaries) -> Iterator[PostgresServer]:
    with PostgresServer(server_binaries) as server:
        yield server


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    """An empty database. Each has another name, because a pooler may still hold connections to one that is gone."""
    name = f"test-{uuid4()}"
    postgres.create_database(name)
    yield name
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def pgbouncer(server_binaries: ServerBinaries, postgres: PostgresServer) -> Iterator[PgBouncer]:
    with PgBouncer(server_binaries, postgres) as pooler:
        yield pooler


@pytest.fixture(scope="session", params=FLAVOURS, ids=lambda c: "-".join(c.framework_flavour))
def flavour(request: pytest.FixtureRequest) -> Combination:
    """A framework, sync or async."""
    flavour: Combination = request.param
    return flavour


@pytest.fixture(scope="session")
def start_edge(
    bake: Bake,
    flavour: Combination,
    postgres: PostgresServer,
    pgbouncer: PgBouncer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Start]:
    """Start services for hostile and unlucky clients."""
    with starting_owners(bake(flavour), postgres, pgbouncer, tmp_path_factory.mktemp("edge")) as start:
        yield start


@pytest.fixture(scope="session")
def edge(start_edge: Start) -> LiveService:
    """A service as it is by default."""
    return start_edge()


@pytest.fixture(scope="session")
def narrow_edge(start_edge: Start, flavour: Combination) -> LiveService:
    """A service with one slot, for which the next request waits half a second."""
    return start_edge(**one_slot(flavour), ADMISSION_TIMEOUT="0.5", DOCS="true")


@pytest.fixture(scope="session")
def hurried_edge(start_edge: Start, flavour: Combination) -> LiveService:
    """A service with one slot and short time-outs."""
    return start_edge(**one_slot(flavour), HEADER_TIMEOUT="2", BODY_TIMEOUT="2", SEND_TIMEOUT="2")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What each combination was put through, as the tests recorded it."""
    rows = [(name, value) for report in terminalreporter.getreports("passed") for name, value in report.user_properties]
    if rows:
        terminalreporter.section("combinations")
        for name, value in sorted(rows):
            terminalreporter.line(f"{name:<60} {value}")
    if find_servers() is None:
        terminalreporter.line(f"NOT TESTED on real servers. {INSTALL_SERVERS}", red=True, bold=True)
    if not shutil.which("pgbouncer-newer"):
        line = "NOT TESTED behind a PgBouncer that knows prepared statements. Put one on PATH as pgbouncer-newer."
        terminalreporter.line(line, yellow=True)
    if not shutil.which("gcloud"):
        terminalreporter.line("NOT TESTED with the real gcloud. Install the Google Cloud SDK.", yellow=True)
