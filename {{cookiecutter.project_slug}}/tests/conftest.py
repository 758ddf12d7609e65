"""One Postgres and one migrated database for all tests. A test that needs more servers starts them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import httpx2
import pytest

from app.database.settings import ENDPOINT
from tests.application import Client, open_client
from tests.migrations import alembic
from tests.process import ServiceProcess
from tests.roles import ADMIN, OWNER, RUNTIME, make_admin, make_roles
from tests.servers import Endpoint, PgBouncer, Postgres, pgbouncer_binary
from tests.settings import configured
from tests.tables import empty_tables

DATABASE = "service"

StartService = Callable[..., ServiceProcess]
Configure = Callable[..., None]


def pytest_report_header() -> str:
    if ENDPOINT == "direct":
        return "database: an embedded Postgres, the direct endpoint"
    if pgbouncer_binary():
        return "database: an embedded Postgres behind PgBouncer in transaction mode, the pooled endpoint"
    return "database: an embedded Postgres WITHOUT a pooler before it; install pgbouncer to test the pooled endpoint"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    # Not in pytest's folder, which no other user can enter: root's Postgres runs as another one.
    with TemporaryDirectory() as folder, ExitStack() as servers:
        Path(folder).chmod(0o755)
        server = Postgres(Path(folder) / "data")
        servers.callback(server.stop)
        server.create_database(DATABASE)
        with server.connection(DATABASE) as connection:
            make_admin(connection)
        with server.connection(DATABASE, ADMIN) as connection:
            make_roles(connection)
        alembic(server.url(DATABASE, OWNER), "upgrade", "head")
        yield server


@pytest.fixture(scope="session")
def endpoint(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """What DATABASE_URL names: PgBouncer if the strategy needs a pooler and it is installed, else Postgres."""
    binary = pgbouncer_binary()
    if ENDPOINT == "direct" or not binary:
        yield postgres
        return
    pooler = PgBouncer(binary, postgres, tmp_path_factory.mktemp("pgbouncer"))
    yield pooler
    pooler.stop()


@pytest.fixture(scope="session")
def service_url(endpoint: Endpoint) -> str:
    """The URL that the service has in production: of its own role, which may change rows only."""
    return endpoint.url(DATABASE, RUNTIME)


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Configure]:
    """Give this process only these settings of the service: configure(DATABASE_URL="..."). It reads no file .env."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as settings:
        yield lambda **values: settings.enter_context(configured(**values))


@pytest.fixture
def database(postgres: Postgres, service_url: str, configure: Configure) -> str:
    """The URL of a database with empty tables, set as DATABASE_URL in this process."""
    with postgres.connection(DATABASE) as connection:
        empty_tables(connection)
    configure(DATABASE_URL=service_url)
    return service_url


@pytest.fixture
def client(database: str) -> Iterator[Client]:
    """A client of the application in this process, on empty tables."""
    with open_client() as client:
        yield client


@pytest.fixture(scope="session")
def service(service_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """The service as it runs in production, in its own process."""
    process = ServiceProcess(tmp_path_factory.mktemp("service"), DATABASE_URL=service_url)
    process.wait_until_healthy()
    yield process
    process.stop()


@pytest.fixture
def service_client(database: str, service: ServiceProcess) -> Iterator[httpx2.Client]:
    """A client of the process, on empty tables."""
    with service.client() as client:
        yield client


@pytest.fixture
def start_service(database: str, tmp_path: Path) -> Iterator[StartService]:
    """Start more processes of the service, each with its own settings, on empty tables."""
    with ExitStack() as processes:

        def start(**settings: str) -> ServiceProcess:
            process = ServiceProcess(tmp_path, **{"DATABASE_URL": database, **settings})
            processes.callback(process.stop)
            process.wait_until_healthy()
            return process

        yield start


@pytest.fixture
def empty_database(postgres: Postgres) -> Iterator[str]:
    """The URL of a database with nothing in it."""
    name = f"empty-{uuid4()}"
    postgres.create_database(name)
    yield postgres.url(name)
    postgres.drop_database(name)
