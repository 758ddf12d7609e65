"""One Postgres, one migrated database and one service process for the tests; whoever needs another starts it."""

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from app.settings import ENDPOINT
from tests.process import PROJECT, ServiceProcess, environment
from tests.servers import Endpoint, PgBouncer, Postgres, pgbouncer_binary

DATABASE = "service"

StartService = Callable[..., ServiceProcess]


def pytest_report_header() -> str:
    if ENDPOINT == "direct":
        return "database: an embedded Postgres, the direct endpoint"
    if pgbouncer_binary():
        return "database: an embedded Postgres behind PgBouncer in transaction mode, the pooled endpoint"
    return "database: an embedded Postgres WITHOUT a pooler before it; install pgbouncer to test the pooled endpoint"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    # Not in pytest's own folder, which every other run of pytest closes to the user that root's Postgres runs as.
    with TemporaryDirectory() as folder, ExitStack() as servers:
        server = Postgres(Path(folder) / "data")
        servers.callback(server.stop)
        server.create_database(DATABASE)
        alembic(server.url(DATABASE), "upgrade", "head")
        yield server


@pytest.fixture(scope="session")
def endpoint(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """What DATABASE_URL leads to: PgBouncer where the strategy wants a pooler and there is one, else Postgres."""
    binary = pgbouncer_binary()
    if ENDPOINT == "direct" or not binary:
        yield postgres
        return
    pooler = PgBouncer(binary, postgres, tmp_path_factory.mktemp("pgbouncer"))
    yield pooler
    pooler.stop()


@pytest.fixture(scope="session")
def service(endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """The service as it runs in production, with its default settings."""
    process = ServiceProcess(tmp_path_factory.mktemp("service"), DATABASE_URL=endpoint.url(DATABASE))
    process.wait_until_healthy()
    yield process
    process.stop()


@pytest.fixture
def start_service(postgres: Postgres, endpoint: Endpoint, tmp_path: Path) -> Iterator[StartService]:
    """Start further services, with settings of their own, on an empty table."""
    empty(postgres)
    with ExitStack() as processes:

        def start(**settings: str) -> ServiceProcess:
            process = ServiceProcess(tmp_path, **{"DATABASE_URL": endpoint.url(DATABASE), **settings})
            processes.callback(process.stop)
            process.wait_until_healthy()
            return process

        yield start


@pytest.fixture
def client(postgres: Postgres, service: ServiceProcess) -> Iterator[httpx.Client]:
    """A client of the service, which has no notes."""
    empty(postgres)
    with service.client() as client:
        yield client


@pytest.fixture
def empty_database(postgres: Postgres) -> Iterator[str]:
    """The URL of a database with nothing in it."""
    name = f"empty-{uuid.uuid4()}"
    postgres.create_database(name)
    yield postgres.url(name)
    postgres.drop_database(name)


def empty(postgres: Postgres) -> None:
    with postgres.connection(DATABASE) as connection:
        connection.execute("TRUNCATE note RESTART IDENTITY")


def alembic(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "alembic", "-c", str(PROJECT / "pyproject.toml"), *arguments]
    settings = environment(DATABASE_URL=url, DATABASE_DIRECT_URL=url)
    return subprocess.run(command, env=settings, capture_output=True, text=True, check=True)
