"""A service that signs in to Cloud SQL as its account, on a real PostgreSQL that takes access tokens as passwords."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from psycopg.sql import SQL, Identifier

from cloud_sql import MetadataServer, RadiusServer, Tokens
from combinations import DRIVERS, RENDERED, BakedProject
from conftest import Bake
from environments import environment
from servers import ROLE, ROLE_PASSWORD, PostgresServer, ServerBinaries, wait_until
from storm import ServiceProcess, migrate, running, service_environment, storm

#: The connection name of an instance: the name of the folder that its socket is in.
INSTANCE = "my-gcp-project:us-east4:notes"

#: The accounts of the service and of its migrations, as the instance calls them.
ACCOUNT, JOB = "notes-service-run@my-gcp-project.iam", "notes-service-job@my-gcp-project.iam"

#: The user that Cloud SQL makes with an instance. It is no superuser, and has made no account.
ADMIN = "admin"

#: One for each driver, with the frameworks in turn.
EACH_DRIVER = [
    [c for c in RENDERED if (c.provider, c.driver) == ("cloud_sql", driver)][number % 2]
    for number, driver in enumerate(DRIVERS)
]

DATABASE = "notes_service"

#: Of five connections the pool keeps one: nearly each request signs in.
SETTINGS = {
    "DATABASE_POOL_SIZE": "1",
    "DATABASE_MAX_OVERFLOW": "4",
    "DATABASE_CONNECT_TIMEOUT": "2",
    "DATABASE_WAKE_TIMEOUT": "4",
    "LOG_LEVEL": "DEBUG",
}


class Instance(PostgresServer):
    """It also listens on a unix socket, where a RADIUS server judges the account's password."""

    def __init__(self, binaries: ServerBinaries, radius: RadiusServer) -> None:
        super().__init__(binaries)
        self.radius = radius
        self.socket_folder = self.folder / INSTANCE

    def url(self, manifest: Path) -> str:
        """DATABASE_URL as it stands in a manifest, with the folder and the port of this instance."""
        [url] = re.findall(r"postgresql:///.*", manifest.read_text(encoding="utf-8"))
        found, count = re.subn(r"host=[^&]*", f"host={self.socket_folder}&port={self.port}", url)
        assert count == 1
        return found

    def url_with_password(self, database: str) -> str:
        credentials = f"{ROLE}:{quote(ROLE_PASSWORD, safe='')}"
        return f"postgresql://{credentials}@/{database}?host={self.socket_folder}&port={self.port}"

    def _create_cluster(self) -> None:
        super()._create_cluster()
        self.socket_folder.mkdir()
        if self.user is not None:
            shutil.chown(self.socket_folder, self.user, self.user)
        rules = [*(self.radius.hba_line(f'"{name}"') for name in (ACCOUNT, JOB)), f"local all {ROLE} scram-sha-256"]
        with (self.data / "pg_hba.conf").open("a", encoding="utf-8") as file:
            file.write("".join(f"{rule}\n" for rule in rules))
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(f"unix_socket_directories = '{self.socket_folder}'\n")


@dataclass
class Service:
    """A service in front of the instance, and what is around it."""

    process: ServiceProcess
    metadata: MetadataServer
    radius: RadiusServer
    tokens: Tokens
    instance: Instance
    database: str

    def get(self) -> httpx.Response:
        with httpx.Client(base_url=self.process.url, timeout=60, trust_env=False) as client:
            return client.get("/notes")

    def signs_in_again(self) -> httpx.Response:
        """The answer to a request that needs a new connection."""
        self.sign_out()
        return self.get()

    def sign_out(self) -> None:
        """End its connections, so that the next request signs in."""
        self.instance.terminate_idle_backends(self.database)

    def warnings(self, since: int) -> list[str]:
        return [line for line in self.process.log_text()[since:].splitlines() if '"WARNING"' in line]


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture(scope="module")
def metadata(tokens: Tokens) -> Iterator[MetadataServer]:
    with MetadataServer(tokens) as metadata:
        yield metadata


@pytest.fixture(scope="module")
def instance(server_binaries: ServerBinaries, tokens: Tokens) -> Iterator[Instance]:
    with RadiusServer(tokens) as radius, Instance(server_binaries, radius) as instance:
        for account in (ACCOUNT, JOB):
            instance.execute(SQL("CREATE ROLE {} LOGIN").format(Identifier(account)))
        instance.execute(SQL("CREATE ROLE {} CREATEROLE").format(Identifier(ADMIN)))
        yield instance


@pytest.fixture(scope="module", params=EACH_DRIVER, ids=str)
def project(bake: Bake, request: pytest.FixtureRequest) -> BakedProject:
    return bake(request.param)


@pytest.fixture(scope="module")
def service(
    project: BakedProject, metadata: MetadataServer, instance: Instance, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    # Each project finds a database with the name that its manifests have.
    instance.drop_database(DATABASE)
    instance.execute(SQL("CREATE DATABASE {} OWNER {}").format(Identifier(DATABASE), Identifier(ADMIN)))
    roles = (project.path / "deploy" / "roles.sql").read_bytes()
    with instance.connected(DATABASE) as connection:
        connection.execute(SQL("SET SESSION AUTHORIZATION {}").format(Identifier(ADMIN)))
        connection.execute(roles)
    job = service_environment(instance.url(project.path / "deploy" / "migrate-job.yaml"), "") | metadata.environment()
    migrate(environment(project), project.path, job)
    url = instance.url(project.path / "deploy" / "service.yaml")
    settings = service_environment(url, "", **SETTINGS) | metadata.environment()
    log = tmp_path_factory.mktemp("cloud-sql") / "service.log"
    process = ServiceProcess(environment(project), project.path, settings, log)
    with running([process]):
        yield Service(process, metadata, instance.radius, metadata.tokens, instance, DATABASE)
    # Whatever happened: no token that was ever handed out is in the log.
    logged = log.read_text(encoding="utf-8") + instance.log_text()
    assert not [token for token in metadata.tokens.ends if token in logged]


def test_everybody_is_answered_while_tokens_change(service: Service) -> None:
    before, refused = len(service.tokens.ends), len(service.radius.refused)
    service.metadata.most = 0

    def three_more_tokens_were_used() -> bool:
        result = storm([service.process])
        assert not result.failures, result.failures[:3]
        service.sign_out()
        return len(service.tokens.ends) >= before + 3

    assert wait_until(three_more_tokens_were_used, seconds=60)
    assert service.radius.refused[refused:] == []
    assert service.metadata.most == 1, "Several connections asked for a token at once."


def test_token_that_the_database_refuses_is_one_attempt_and_one_line(service: Service) -> None:
    with service.tokens.refused():
        assert wait_until(lambda: service.signs_in_again().status_code == 503)
        since, refused = len(service.process.log_text()), len(service.radius.refused)
        response = service.get()
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert len(service.radius.refused) == refused + 1
    [line] = service.warnings(since)
    assert "authentication failed" in line
    assert wait_until(lambda: service.get().status_code == 200)


@pytest.mark.parametrize("status", [403, 404])
def test_metadata_server_without_a_token_is_503_and_the_log_says_so(service: Service, status: int) -> None:
    with service.metadata.answering(status):
        assert wait_until(lambda: service.signs_in_again().status_code == 503)
        since = len(service.process.log_text())
        assert service.get().status_code == 503
    assert any("There is no access token to sign in with" in line for line in service.warnings(since))
    assert wait_until(lambda: service.get().status_code == 200)


def test_metadata_server_that_does_not_answer_holds_up_nobody_else(service: Service) -> None:
    with ThreadPoolExecutor(1) as thread, service.metadata.silent():
        # A token that was taken before may be in use for a second.
        assert wait_until(lambda: asked(service, thread))
        with httpx.Client(base_url=service.process.url, timeout=60, trust_env=False) as client:
            assert client.get("/health").status_code == 200
        assert service.metadata.under_way
    assert wait_until(lambda: service.get().status_code == 200)


def asked(service: Service, thread: ThreadPoolExecutor) -> bool:
    """Whether a request has led to one for a token, which waits."""
    service.sign_out()
    request = thread.submit(service.get)
    return wait_until(lambda: bool(service.metadata.under_way) or request.done()) and bool(service.metadata.under_way)


def test_password_in_the_url_is_used_in_place_of_a_token(service: Service, project: BakedProject) -> None:
    url = service.instance.url_with_password("postgres")
    before = len(service.tokens.ends)
    done = checked(project, service_environment(url, "") | service.metadata.environment())
    assert f"Role          {ROLE}" in done.stdout, done.stderr
    assert len(service.tokens.ends) == before


def test_check_signs_in_as_the_service_does(service: Service, project: BakedProject) -> None:
    url = service.instance.url(project.path / "deploy" / "service.yaml")
    done = checked(project, service_environment(url, "") | service.metadata.environment())
    assert f"Role          {ACCOUNT}" in done.stdout, done.stderr
    assert "Endpoint      Cloud SQL, direct" in done.stdout
    assert "Time-out      120000 ms for a statement" in done.stdout
    assert "Attention" not in done.stdout


def test_migrations_made_the_tables_as_the_role_that_owns_them(service: Service) -> None:
    owners = "SELECT DISTINCT tableowner::text FROM pg_tables WHERE schemaname = 'public'"
    assert service.instance.execute(owners, database=DATABASE) == [("notes_service_owner",)]
    may_truncate = "SELECT has_table_privilege(%s, 'public.note', 'TRUNCATE')"
    assert service.instance.execute(may_truncate, [ACCOUNT], DATABASE) == [(False,)]


def checked(project: BakedProject, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [str(environment(project)), "-m", "app.database.check"]
    return subprocess.run(command, cwd=project.path, env=settings, capture_output=True, encoding="utf-8")
