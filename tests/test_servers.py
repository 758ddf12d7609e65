"""The servers are as strict as a provider's: a service that passes on them has earned it."""

import signal
from pathlib import Path

import psycopg
import pytest

from servers import LoggedProcess, PgBouncer, PostgresServer, ServerError, minimal_environment


@pytest.fixture(params=["direct", "pooled"])
def url(request: pytest.FixtureRequest, postgres: PostgresServer, pgbouncer: PgBouncer, database: str) -> str:
    if request.param == "direct":
        return postgres.direct_url(database)
    return pgbouncer.pooled_url(database)


def test_the_printed_url_logs_in_over_tls_by_scram(url: str) -> None:
    with psycopg.connect(url, require_auth="scram-sha-256") as connection:
        assert connection.pgconn.ssl_in_use
        assert connection.execute("SELECT current_user").fetchone() == ("service",)


def test_a_connection_without_tls_is_refused(url: str) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"no encryption|SSL required"):
        psycopg.connect(url, sslmode="disable")


def test_a_wrong_password_is_refused(url: str) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"password authentication failed|SASL"):
        psycopg.connect(url, password="wrong")


def test_the_pooler_reaches_the_server_over_tls(postgres: PostgresServer, pgbouncer: PgBouncer, database: str) -> None:
    with psycopg.connect(pgbouncer.pooled_url(database)) as connection:
        connection.execute("SELECT 1")
        encrypted = postgres.execute(
            "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE datname = %s",
            [database],
        )
    assert encrypted == [(True,)]


def test_the_pooler_gives_one_server_connection_to_two_clients(pgbouncer: PgBouncer, database: str) -> None:
    url = pgbouncer.pooled_url(database)
    with (
        psycopg.connect(url, autocommit=True) as first,
        psycopg.connect(url, autocommit=True) as second,
    ):
        backend = first.execute("SELECT pg_backend_pid()").fetchone()
        assert second.execute("SELECT pg_backend_pid()").fetchone() == backend


def test_the_pooler_breaks_named_prepared_statements(pgbouncer: PgBouncer, database: str) -> None:
    url = pgbouncer.pooled_url(database)
    with (
        psycopg.connect(url, autocommit=True) as first,
        psycopg.connect(url, autocommit=True) as second,
    ):
        first.execute("SELECT 1", prepare=True)
        with pytest.raises(psycopg.errors.DuplicatePreparedStatement):
            second.execute("SELECT 1", prepare=True)


def test_ended_backends_are_gone(postgres: PostgresServer, database: str) -> None:
    url = postgres.direct_url(database)
    with psycopg.connect(url) as first, psycopg.connect(url) as second:
        assert postgres.terminate_idle_backends(database) == 2
        for connection in (first, second):
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
    assert postgres.terminate_idle_backends(database) == 0


def test_a_restart_keeps_data_and_the_pooler_finds_the_server_again(
    postgres: PostgresServer, pgbouncer: PgBouncer, database: str
) -> None:
    with psycopg.connect(pgbouncer.pooled_url(database), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS value")
        postgres.restart()
        assert connection.execute("SELECT value FROM kept").fetchone() == (1,)


def test_a_restarted_pooler_has_the_same_url(pgbouncer: PgBouncer, database: str) -> None:
    url = pgbouncer.pooled_url(database)
    pgbouncer.restart()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_stopping_twice_is_harmless(postgres: PostgresServer) -> None:
    postgres.stop()
    postgres.stop()
    with pytest.raises(psycopg.OperationalError):
        postgres.execute("SELECT 1")
    postgres.start()
    assert postgres.execute("SELECT 1") == [(1,)]


def test_a_failed_start_says_what_the_log_says(tmp_path: Path) -> None:
    process = LoggedProcess(
        ["/bin/sh", "-c", "echo no room left; exit 3"],
        tmp_path,
        tmp_path / "log",
        minimal_environment(),
        stop_signal=signal.SIGTERM,
    )
    with pytest.raises(ServerError, match=r"exit code 3[\s\S]*no room left"):
        process.start(lambda: False)
    assert process.stop() is None
