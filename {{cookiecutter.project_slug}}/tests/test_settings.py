{% set provider = cookiecutter._providers[cookiecutter.provider] %}
{% set endpoint = cookiecutter._pooling_strategies[cookiecutter.pooling_strategy].endpoint %}
"""Valid and invalid settings in the environment."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr, ValidationError

from app.database.settings import DatabaseSettings, explain
from app.settings import Settings, settings_or_exit
from tests.conftest import Configure
from tests.settings import environment

POOLED = "postgresql://user:not-a-real-secret@ep-cool-sun-12345-pooler.us-east-1.aws.neon.tech/notes?sslmode=require"
DIRECT = POOLED.replace("-pooler", "")

RIGHT, WRONG = {{ "POOLED, DIRECT" if endpoint == "pooled" else "DIRECT, POOLED" }}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "DATABASE_URL is not set"),
        ({"DATABASE_URL": ""}, "DATABASE_URL is not set"),
        ({"DATABASE_URL": "not-a-real-secret"}, "DATABASE_URL cannot be used."),
        ({"DATABASE_URL": WRONG}, "DATABASE_URL leads to Neon's {{ "direct" if endpoint == "pooled" else "pooled" }} endpoint: use Neon's {{ endpoint }} connection string"),
        ({"DATABASE_URL": RIGHT, "DATABASE_DIRECT_URL": POOLED}, "DATABASE_DIRECT_URL leads to"),
        ({"DATABASE_URL": RIGHT, "PORT": "http"}, "PORT"),
        ({"DATABASE_URL": RIGHT, "LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
    ],
)
def test_wrong_settings_end_the_start(
    configure: Configure, caplog: pytest.LogCaptureFixture, settings: dict[str, str], sentence: str
) -> None:
    configure(**settings)
    with pytest.raises(SystemExit) as end:
        settings_or_exit()
    assert end.value.code == 1
    [record] = caplog.records
    assert sentence in record.getMessage()
    assert "not-a-real-secret" not in caplog.text


def test_wrong_settings_are_one_line_of_the_log(tmp_path: Path) -> None:
    assert critical_line(tmp_path, DATABASE_URL=WRONG).startswith("The settings are wrong. DATABASE_URL leads to")


def test_file_that_cannot_be_read_is_one_line_of_the_log(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"DATABASE_URL=\xff")
    assert ".env is not UTF-8" in critical_line(tmp_path)


def test_directory_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert ".env is a directory" in critical_line(tmp_path)


def critical_line(folder: Path, **settings: str) -> str:
    """The message of the one line of a service that does not start in this folder."""
    command = [sys.executable, "-m", "app"]
    values = environment(**settings)
    done = subprocess.run(command, cwd=folder, env=values, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    assert not done.stderr
    [line] = done.stdout.splitlines()
    entry = json.loads(line)
    assert entry["severity"] == "CRITICAL"
    return str(entry["message"])


def test_file_of_settings_is_read(configure: Configure) -> None:
    configure()
    Path(".env").write_text(f"DATABASE_URL={RIGHT}\nPORT=8081\n", encoding="utf-8")
    assert Settings().port == 8081


class OwnLimits(BaseModel):
    """Several values under one name."""

    most: int


class OwnSettings(Settings):
    """Settings as the owner of a service adds them."""

    own_secret: SecretStr
    own_origins: list[str] = []
    own_weights: dict[str, int] = {}
    own_names: frozenset[str] | None = None
    own_limits: OwnLimits | None = None


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("https://a.example", ["https://a.example"]),
        ("https://a.example, https://b.example", ["https://a.example", "https://b.example"]),
        ('["https://a.example"]', ["https://a.example"]),
        ("https://a.example,", ["https://a.example"]),
        ("", []),
    ],
)
def test_list_is_read_as_words_or_json(configure: Configure, text: str, origins: list[str]) -> None:
    configure(DATABASE_URL=RIGHT)
    settings = read_own(OWN_ORIGINS=text)
    assert settings.own_origins == origins


def test_set_is_read_like_a_list(configure: Configure) -> None:
    configure(DATABASE_URL=RIGHT)
    assert read_own(OWN_NAMES="a, b").own_names == frozenset({"a", "b"})


def test_mapping_and_model_are_read_as_json(configure: Configure) -> None:
    configure(DATABASE_URL=RIGHT)
    assert read_own(OWN_LIMITS='{"most": 1}').own_limits == OwnLimits(most=1)
    assert read_own(OWN_WEIGHTS='{"a": 1}').own_weights == {"a": 1}


@pytest.mark.parametrize("text", ["[not-a-real-secret", "not-a-real-secret"])
def test_malformed_setting_is_named_without_its_value(configure: Configure, text: str) -> None:
    configure(DATABASE_URL=RIGHT)
    with pytest.raises(ValidationError) as error:
        read_own(OWN_WEIGHTS=text)
    [sentence] = explain(error.value)
    assert sentence.startswith("OWN_WEIGHTS: ")
    assert "not-a-real-secret" not in sentence


def test_mistake_inside_a_setting_names_the_variable_and_the_part(configure: Configure) -> None:
    configure(DATABASE_URL=RIGHT)
    with pytest.raises(ValidationError) as error:
        read_own(OWN_LIMITS="{}")
    assert explain(error.value) == ["OWN_LIMITS, at most: Field required."]


def test_missing_setting_of_your_own_is_named_alone(configure: Configure) -> None:
    configure(DATABASE_URL=RIGHT)
    with pytest.raises(ValidationError) as error:
        OwnSettings()
    assert explain(error.value) == ["OWN_SECRET is not set."]


def read_own(**values: str) -> OwnSettings:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"OWN_SECRET": "not-a-real-secret", **values}.items():
            patch.setenv(name, value)
        return OwnSettings()


def test_migrations_run_on_the_direct_url(configure: Configure) -> None:
    configure(DATABASE_URL=RIGHT, DATABASE_DIRECT_URL=DIRECT)
    assert DatabaseSettings().migration_url().get_secret_value() == DIRECT


{% for variable in provider.direct_url_variables %}
def test_direct_url_is_read_as_tools_of_the_provider_write_it(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(DATABASE_URL=RIGHT)
    monkeypatch.setenv("{{ variable }}", DIRECT)
    assert DatabaseSettings().migration_url().get_secret_value() == DIRECT
    monkeypatch.setenv("DATABASE_DIRECT_URL", "")
    assert DatabaseSettings().migration_url().get_secret_value() == DIRECT
    monkeypatch.setenv("DATABASE_DIRECT_URL", "postgresql://user@db.example/notes")
    assert DatabaseSettings().migration_url().get_secret_value() == "postgresql://user@db.example/notes"


{% endfor %}
def test_parameters_for_other_clients_are_named_in_the_log(
    configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    configure(DATABASE_URL=f"{RIGHT}&pgbouncer=true&connection_limit=1")
    for settings in (DatabaseSettings, Settings):
        settings()
    [record] = caplog.records
    assert record.getMessage() == (
        "DATABASE_URL has parameters for other clients, which are ignored: connection_limit, pgbouncer."
    )
    assert "not-a-real-secret" not in caplog.text


def test_migrations_refuse_a_pooled_url() -> None:
    settings = DatabaseSettings.model_construct(database_url=SecretStr(POOLED), database_direct_url=None)
    with pytest.raises(ValueError, match="use Neon's direct connection string"):
        settings.migration_url()
