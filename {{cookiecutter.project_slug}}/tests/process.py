"""The service in its own process, started as the container starts it."""

import json
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2

from tests.servers import attempts, free_port
from tests.settings import HEADERS, environment

#: Seconds after which Cloud Run kills the container.
STOP_TIMEOUT = 10


class ServiceProcess:
    """python -m app, in a folder without a .env file, on a free port."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.port = free_port()
        self.log = folder / f"{self.port}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app"],
                cwd=folder,
                env=environment(PORT=str(self.port), **settings),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def client(self) -> httpx2.Client:
        return httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", headers=HEADERS, timeout=60)

    def wait_until_healthy(self) -> None:
        with self.client() as client:
            for _ in attempts():
                assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
                with suppress(httpx2.TransportError):
                    client.get("/health")
                    return

    def entries(self) -> list[dict[str, Any]]:
        """The log so far."""
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    def wait_for_entry(self, text: str) -> None:
        """Return when a line of the log contains this text."""
        for _ in attempts():
            if text in self.log.read_text(encoding="utf-8"):
                return

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """End the process and return its exit code."""
        if self.process.poll() is None:
            self.terminate()
        return self.process.wait(STOP_TIMEOUT)
