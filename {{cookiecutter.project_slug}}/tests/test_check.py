"""python -m app.database.check."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import Connection

from app.database.doctor.examination import note_on
from app.database.doctor.facts import DirectFacts, EndpointFacts, RoleFacts, kind_of
from app.database.doctor.findings import in_endpoint, on_endpoint, on_role
from app.database.engine import SCHEMA
from app.database.providers import ENDPOINTS
from app.database.settings import ENDPOINT
from tests.conftest import DATABASE
from tests.migrations import alembic
from tests.servers import Endpoint, PgBouncer, Postgres, free_port
from tests.settings import environment

SECRET = "not-a-real-secret"


def check(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.database.check", *arguments]
    values = environment(DATABASE_WAKE_TIMEOUT="0", **settings)
    return subprocess.run(command, cwd=folder, env=values, capture_output=True, encoding="utf-8", check=False)


def check_json(folder: Path, **settings: str) -> Any:
    """The report, whose verdict is the exit code."""
    done = check(folder, "--json", **settings)
    report = json.loads(done.stdout)
    assert done.returncode == (0 if report["ok"] else 1), done.stderr
    assert report["ok"] == (not report["error"] and not report["contradictions"])
    return report


def test_report_says_what_is_at_the_other_end(endpoint: Endpoint, service_url: str, tmp_path: Path) -> None:
    done = check(tmp_path, DATABASE_URL=service_url)
    facts = {line[:14].strip(): line[14:] for line in done.stdout.splitlines()}
    assert facts["Server"].startswith("PostgreSQL ")
    assert facts["Endpoint"].startswith("pooled" if isinstance(endpoint, PgBouncer) else "direct")
    assert facts["Migrations"] == "none pending"
    assert ("Attention" in facts) == (isinstance(endpoint, PgBouncer) != (ENDPOINT == "pooled"))
    assert done.returncode == ("Attention" in facts), done.stderr


def test_json_has_the_same_facts_as_numbers(endpoint: Endpoint, service_url: str, tmp_path: Path) -> None:
    report = check_json(tmp_path, DATABASE_URL=service_url)
    facts = report["facts"]
    assert facts["endpoint"]["kind"] == ("pooled" if isinstance(endpoint, PgBouncer) else "direct")
    assert facts["endpoint"]["kind_wanted"] == ENDPOINT
    assert facts["endpoint"]["connect_ms"] > 0
    assert facts["endpoint"]["round_trip_ms"] > 0
    assert facts["endpoint"]["is_local"]
    assert not facts["endpoint"]["tls"]
    assert facts["tables"]["pending_migrations"] == []
    assert all(rights == ["SELECT", "INSERT", "UPDATE", "DELETE"] for rights in facts["tables"]["rights"].values())
    assert 0 < facts["connections"]["used"] <= facts["connections"]["limit"]


def test_direct_endpoint_is_a_contradiction_where_the_pooled_one_is_wanted(postgres: Postgres, tmp_path: Path) -> None:
    report = check_json(tmp_path, DATABASE_URL=postgres.url(DATABASE))
    said = "DATABASE_URL leads to a direct endpoint" in " ".join(report["contradictions"])
    assert said == (ENDPOINT == "pooled")


def test_pending_migrations_are_a_contradiction(empty_database: str, tmp_path: Path) -> None:
    report = check_json(tmp_path, DATABASE_URL=empty_database)
    pending = report["facts"]["tables"]["pending_migrations"]
    assert pending
    assert f"Migrations are pending ({', '.join(pending)})" in " ".join(report["contradictions"])


def test_migration_of_a_later_release_makes_the_pending_ones_unknown(empty_database: str, tmp_path: Path) -> None:
    alembic(empty_database, "upgrade", "head")
    with psycopg.connect(empty_database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'later'")
    report = check_json(tmp_path, DATABASE_URL=empty_database)
    assert report["facts"]["tables"]["pending_migrations"] is None
    assert "a later release migrated it" in " ".join(report["notes"])


def test_read_only_database_is_a_contradiction(empty_database: str, tmp_path: Path) -> None:
    alembic(empty_database, "upgrade", "head")
    read_only = (
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database());"
        " END $$"
    )
    with psycopg.connect(empty_database) as connection:
        connection.execute(read_only)
    report = check_json(tmp_path, DATABASE_URL=empty_database)
    assert report["facts"]["server"]["read_only"] == "default"
    assert "default_transaction_read_only is on" in " ".join(report["contradictions"])


@pytest.mark.parametrize(
    ("scheme", "said"), [("postgresql", "The database does not answer: "), ("mysql", "The settings are wrong. ")]
)
def test_failure_is_one_sentence_without_a_secret(scheme: str, said: str, tmp_path: Path) -> None:
    values = {"DATABASE_URL": f"{scheme}://user:{SECRET}@127.0.0.1:{free_port()}/none"}
    written = check(tmp_path, **values)
    assert written.returncode == 1
    assert not written.stdout
    entry = json.loads(written.stderr)
    assert entry["severity"] == "CRITICAL"
    assert entry["message"].startswith(said)
    assert "Traceback" not in written.stderr
    assert SECRET not in written.stderr
    report = check_json(tmp_path, **values)
    assert (report["ok"], report["facts"]) == (False, None)
    assert report["error"].startswith(said)
    assert SECRET not in str(report)


def test_import_that_fails_is_in_the_report(tmp_path: Path) -> None:
    (tmp_path / "sqlalchemy.py").write_text("raise ImportError('It is broken.')", encoding="utf-8")
    report = check_json(tmp_path)
    assert report["facts"] is None
    assert report["error"] == "The check failed. ImportError: It is broken."


#: An endpoint in another place, as a provider has it.
REMOTE = EndpointFacts(
    connect_ms=40,
    round_trip_ms=4,
    provider=None,
    kind=ENDPOINT,
    kind_wanted=ENDPOINT,
    is_local=False,
    tls=True,
    tls_version="TLSv1.3",
    certificate_verified=True,
    host_name_verified=True,
    channel_bound=False,
    tls_behind_pooler=None,
    prepared_statements_kept=None,
)


def test_what_keeps_clients_from_an_endpoint_is_said_where_it_does_not_answer() -> None:
    url = "postgresql://postgres@db.abcdefghijklmnopqrst.supabase.co:5432/postgres"
    assert "has IPv6 only" in note_on(SecretStr(url))
    assert note_on(SecretStr(url.replace("supabase.co", "example"))) == ""


def test_session_pooler_is_told_by_its_host() -> None:
    [session] = [known for known in ENDPOINTS if known.kind == "session"]
    assert kind_of(Connection.__new__(Connection), session) == "session"


def test_network_without_tls_is_a_contradiction() -> None:
    assert not [*in_endpoint(REMOTE), *on_endpoint(REMOTE)]
    assert not [*in_endpoint(replace(REMOTE, tls=False, certificate_verified=False, is_local=True))]
    [contradiction] = in_endpoint(replace(REMOTE, tls=False, certificate_verified=False))
    assert "without TLS" in contradiction


OWNER = RoleFacts("owner", SCHEMA, may_make_tables=True, connection_limit=None)
RUNTIME = replace(OWNER, name="run", may_make_tables=False)


@pytest.mark.parametrize(
    ("role", "is_local", "direct", "said"),
    [
        (RUNTIME, False, OWNER, None),
        (OWNER, False, OWNER, "The service has the role of the migrations, owner"),
        (OWNER, True, OWNER, "The service has the role of the migrations, owner"),
        (OWNER, False, None, "The service has the role of the migrations, owner"),
        (OWNER, True, None, None),
        (RUNTIME, False, None, "migrations need another role"),
        (RUNTIME, True, None, "migrations need another role"),
        (RUNTIME, False, RUNTIME, None),
    ],
)
def test_one_role_for_service_and_migrations_is_a_note(
    role: RoleFacts, is_local: bool, direct: RoleFacts | None, said: str | None
) -> None:
    endpoint = replace(REMOTE, is_local=is_local)
    notes = [*on_role(role, endpoint, DirectFacts("direct", direct) if direct else None)]
    assert len(notes) == bool(said)
    assert all(said and said in note for note in notes)


def test_certificate_that_is_not_verified_is_a_note() -> None:
    unverified = replace(REMOTE, certificate_verified=False, host_name_verified=False)
    assert not [*in_endpoint(unverified)]
    [note] = on_endpoint(unverified)
    assert "sslmode=verify-full" in note
    assert not [*on_endpoint(replace(unverified, channel_bound=True))]
