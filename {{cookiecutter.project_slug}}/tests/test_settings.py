{% set endpoint = cookiecutter._pooling_strategies[cookiecutter.pooling_strategy].endpoint %}
"""What the environment must say, and what it must not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.settings import Settings
from tests.process import environment

POOLED = "postgresql://user:not-a-real-secret@ep-cool-sun-12345-pooler.us-east-1.aws.neon.tech/notes?sslmode=require"
DIRECT = POOLED.replace("-pooler", "")

RIGHT, WRONG = {{ "POOLED, DIRECT" if endpoint == "pooled" else "DIRECT, POOLED" }}


def start(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Start the service with settings that it refuses."""
    return subprocess.run(
        [sys.executable, "-m", "app"],
        cwd=folder,
        env=environment(**settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "DATABASE_URL is not set"),
        ({"DATABASE_URL": ""}, "DATABASE_URL is not set"),
        ({"DATABASE_URL": "not-a-real-secret"}, "DATABASE_URL cannot be used."),
        ({"DATABASE_URL": WRONG}, "use the provider's {{ endpoint }} connection string"),
        ({"DATABASE_URL": RIGHT, "DATABASE_DIRECT_URL": POOLED}, "DATABASE_DIRECT_URL leads to"),
        ({"DATABASE_URL": RIGHT, "PORT": "http"}, "PORT"),
        ({"DATABASE_URL": RIGHT, "LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
    ],
)
def test_wrong_settings_end_the_start_with_one_line(tmp_path: Path, settings: dict[str, str], sentence: str) -> None:
    done = start(tmp_path, **settings)
    assert done.returncode == 1
    [line] = done.stdout.splitlines()
    entry = json.loads(line)
    assert entry["severity"] == "CRITICAL"
    assert sentence in entry["message"]
    assert "not-a-real-secret" not in done.stdout + done.stderr


def test_file_of_settings_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"DATABASE_URL={RIGHT}\nLOG_LEVEL=LOUD\n")
    assert "LOG_LEVEL" in start(tmp_path).stdout


def test_migrations_run_on_the_direct_url(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(database_url=SecretStr(RIGHT), database_direct_url=SecretStr(DIRECT))
    assert settings.migration_url().get_secret_value() == DIRECT


def test_migrations_refuse_a_pooled_url(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.model_construct(database_url=SecretStr(POOLED), database_direct_url=None)
    with pytest.raises(ValueError, match="use the provider's direct connection string"):
        settings.migration_url()
