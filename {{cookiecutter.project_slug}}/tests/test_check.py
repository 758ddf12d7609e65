"""python -m app.database.check."""

import subprocess
import sys
from pathlib import Path

from app.database.settings import ENDPOINT
from tests.conftest import DATABASE
from tests.servers import Endpoint, PgBouncer, free_port
from tests.settings import environment


def check(folder: Path, url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.database.check"]
    settings = environment(DATABASE_URL=url, DATABASE_WAKE_TIMEOUT="0")
    return subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, check=False)


def test_report_says_what_is_at_the_other_end(endpoint: Endpoint, tmp_path: Path) -> None:
    done = check(tmp_path, endpoint.url(DATABASE))
    assert done.returncode == 0, done.stderr
    facts = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert facts["Server"].startswith("PostgreSQL ")
    assert facts["Endpoint"].startswith("pooled" if isinstance(endpoint, PgBouncer) else "direct")
    assert ("Attention" in facts) == (isinstance(endpoint, PgBouncer) != (ENDPOINT == "pooled"))


def test_database_that_does_not_answer_is_one_line_without_a_secret(tmp_path: Path) -> None:
    done = check(tmp_path, f"postgresql://user:not-a-real-secret@127.0.0.1:{free_port()}/none")
    assert done.returncode == 1
    assert "The database does not answer" in done.stderr
    assert "Traceback" not in done.stderr
    assert "not-a-real-secret" not in done.stdout + done.stderr
