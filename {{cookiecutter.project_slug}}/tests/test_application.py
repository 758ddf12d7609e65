"""The application in this process."""

import subprocess
import sys
from pathlib import Path

from app.main import create_app
from tests.application import Client, open_client
from tests.settings import PROJECT


def test_import_of_the_application_needs_no_settings(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", "import app.main"]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(PROJECT)}, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr


def test_applications_of_one_process_do_not_disturb_each_other(client: Client) -> None:
    with open_client(create_app()) as other:
        assert other.get("/openapi.json").json() == client.get("/openapi.json").json()
    assert client.get("/notes").status_code == 200
