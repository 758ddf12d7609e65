"""Each service's way to real servers with TLS and SCRAM: who is let in, who is refused, and how soon."""

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from combinations import DRIVERS, LIVE, Combination, each, each_engine
from conftest import Bake
from environments import environment
from servers import ROLE_PASSWORD, PgBouncer, PostgresServer, ServerBinaries, minimal_environment
from stand import INSTALL_NEWER, NEWER

#: Longer than the test may take: where connecting is retried, the test ends by its time-out.
WAKE_TIMEOUT = "600"

#: One for each driver, behind a pooler.
EACH_DRIVER = [next(c for c in LIVE if (c.driver, c.endpoint) == (driver, "pooled")) for driver in DRIVERS]


@pytest.fixture
def url(combination: Combination, postgres: PostgresServer, pgbouncer: PgBouncer, database: str) -> str:
    """The endpoint that the combination's strategy wants, as a provider prints it, without parameters."""
    pooled = combination.endpoint == "pooled"
    printed = pgbouncer.pooled_url(database) if pooled else postgres.direct_url(database)
    return printed.partition("?")[0]


@pytest.fixture
def check(bake: Bake, combination: Combination) -> "Check":
    return Check(bake, combination)


class Check:
    """python -m app.database.check of the combination's service."""

    def __init__(self, bake: Bake, combination: Combination) -> None:
        self.project = bake(combination)
        self.python = environment(self.project)

    def __call__(self, url: str, folder: Path, wake_timeout: str = WAKE_TIMEOUT) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.python), "-m", "app.database.check"],
            cwd=self.project.path,
            env=minimal_environment()
            | {"HOME": str(folder), "DATABASE_URL": url, "DATABASE_WAKE_TIMEOUT": wake_timeout},
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )


def assert_refused(done: subprocess.CompletedProcess[str]) -> None:
    """At once, in one sentence, without the password."""
    assert done.returncode == 1
    assert not done.stdout
    assert "Traceback" not in done.stderr
    assert "does not answer yet" not in done.stdout
    assert ROLE_PASSWORD not in done.stdout + done.stderr
    assert quote(ROLE_PASSWORD, safe="") not in done.stdout + done.stderr


@each_engine
@pytest.mark.parametrize("parameters", ["sslmode=require", "sslmode=verify-full&sslrootcert={certificate}"])
def test_connection_is_encrypted_and_leads_to_the_right_endpoint(
    check: Check, combination: Combination, url: str, postgres: PostgresServer, tmp_path: Path, parameters: str
) -> None:
    done = check(f"{url}?{parameters.format(certificate=postgres.certificate)}", tmp_path)
    assert not done.stderr
    assert f"Endpoint      {combination.endpoint}" in done.stdout
    assert "TLS           yes" in done.stdout
    # That nothing is migrated yet is the only contradiction.
    assert re.findall(r"Attention +(\w+)", done.stdout) == ["Migrations"]


@each_engine
def test_certificate_of_an_unknown_authority_is_refused_when_verification_is_asked_for(
    check: Check, url: str, tmp_path: Path
) -> None:
    assert_refused(check(f"{url}?sslmode=verify-full", tmp_path))


@each_engine
def test_required_channel_binding_is_never_passed_over(
    check: Check, combination: Combination, url: str, tmp_path: Path
) -> None:
    """Postgres offers it and PgBouncer does not; asyncpg cannot, and must verify the certificate in its place."""
    done = check(f"{url}?sslmode=require&channel_binding=require", tmp_path)
    if combination.endpoint == "direct" and combination.driver != "asyncpg":
        assert "the login is bound to it" in done.stdout, done.stderr
    else:
        assert_refused(done)


@each_engine
def test_wrong_password_is_refused_without_waiting(check: Check, url: str, tmp_path: Path) -> None:
    wrong = url.replace(quote(ROLE_PASSWORD, safe=""), "not-the-password")
    assert_refused(check(f"{wrong}?sslmode=require", tmp_path))


@each_engine
def test_missing_database_is_refused_without_waiting(check: Check, url: str, database: str, tmp_path: Path) -> None:
    assert_refused(check(f"{url.removesuffix(database)}nowhere?sslmode=require", tmp_path))


@pytest.fixture(scope="module")
def newer_pgbouncer(server_binaries: ServerBinaries, postgres: PostgresServer) -> Iterator[PgBouncer]:
    """From 1.25 on it takes TLS that begins without a request, as PostgreSQL does from 17 on."""
    binary = shutil.which(NEWER)
    if binary is None:
        pytest.skip(INSTALL_NEWER)
    with PgBouncer(replace(server_binaries, pgbouncer=binary), postgres) as pooler:
        yield pooler


@each(EACH_DRIVER)
@pytest.mark.parametrize("parameters", ["sslmode=require", "sslmode=verify-full&sslrootcert={certificate}"])
def test_tls_may_begin_at_once(
    check: Check,
    newer_pgbouncer: PgBouncer,
    postgres: PostgresServer,
    database: str,
    tmp_path: Path,
    parameters: str,
) -> None:
    """As it does at a provider that takes it, which test_url.py of the service holds."""
    url = newer_pgbouncer.pooled_url(database).partition("?")[0]
    done = check(f"{url}?sslnegotiation=direct&{parameters.format(certificate=postgres.certificate)}", tmp_path)
    assert not done.stderr
    assert "TLS           yes" in done.stdout


@each(EACH_DRIVER)
@pytest.mark.parametrize(
    ("negotiation", "first_byte"),
    [("direct", b"\x16"), ("postgres", b"\0")],
    ids=["ClientHello of TLS", "request for TLS"],
)
def test_first_message_is_the_one_that_the_url_asks_for(
    check: Check, tmp_path: Path, negotiation: str, first_byte: bytes
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as threads:
        first = threads.submit(first_message, server)
        url = f"postgresql://user@127.0.0.1:{server.getsockname()[1]}/database"
        check(f"{url}?sslmode=require&sslnegotiation={negotiation}", tmp_path, wake_timeout="0")
        assert first.result()[:1] == first_byte


def first_message(server: socket.socket) -> bytes:
    """What the first client says before it gets an answer."""
    client, _ = server.accept()
    with client:
        return client.recv(1024)
