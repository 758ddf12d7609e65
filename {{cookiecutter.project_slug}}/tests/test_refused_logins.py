"""The provider refuses the login itself, before it asks for a password."""

import logging
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.database.providers import REFUSALS, advice
from tests.application import open_client
from tests.conftest import Configure

#: SQLSTATE and message of refusals that no retry cures, as providers were seen to say it.
FOR_GOOD = [
    ("53300", "Your account or project has exceeded the compute time quota. Upgrade your plan to increase limits."),
    ("XX000", "Your project has exceeded the data transfer quota. Upgrade your plan to increase limits."),
    ("XX000", "The endpoint has been disabled. Enable it using the API and retry."),
    ("XX000", "The requested endpoint could not be found, or you don't have access to it."),
    ("XX000", "Control plane request failed: endpoint is disabled"),
    ("XX000", "Control plane request failed: endpoint cannot be found"),
    ("28000", 'Cloud SQL IAM service account authentication failed for user "run@my-gcp-project.iam"'),
    ("XX000", "Tenant or user not found"),
    ("XX000", "(ENOTFOUND) tenant/user postgres.abc not found"),
    ("XX000", "(ENOIDENTIFIER) no tenant identifier provided (external_id or sni_hostname required)"),
]

#: Those of refusals that may pass.
FOR_NOW = [
    ("XX000", "Control plane request failed"),
    ("XX000", "You have exceeded the limit of concurrently active endpoints."),
    ("XX000", "endpoint is temporarily unavailable. Check your quotas and/or contact our support."),
    ("XX000", "(EMAXCLIENTCONN) max client connections reached, limit: 200"),
    ("53300", "sorry, too many clients already"),
]


class Refusing(socketserver.ThreadingTCPServer):
    """A server that refuses each login with this error."""

    daemon_threads = True

    def __init__(self, sqlstate: str, message: str) -> None:
        fields = f"SERROR\0VERROR\0C{sqlstate}\0M{message}\0\0".encode()
        self.answer = b"E" + (len(fields) + 4).to_bytes(4, "big") + fields
        self.logins = 0
        super().__init__(("127.0.0.1", 0), Refuse)

    @property
    def url(self) -> str:
        return f"postgresql://user:not-a-real-secret@127.0.0.1:{self.server_address[1]}/notes?sslmode=disable"


class Refuse(socketserver.BaseRequestHandler):
    server: Refusing

    def handle(self) -> None:
        # The first message of a client has its size and no type.
        size = int.from_bytes(self.request.recv(4), "big")
        self.request.recv(size - 4)
        self.server.logins += 1
        self.request.sendall(self.server.answer)


@contextmanager
def refusing(sqlstate: str, message: str) -> Iterator[Refusing]:
    with Refusing(sqlstate, message) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(("sqlstate", "message"), FOR_GOOD)
def test_login_refused_for_good_ends_at_once_with_one_line(
    configure: Configure, caplog: pytest.LogCaptureFixture, sqlstate: str, message: str
) -> None:
    caplog.set_level(logging.INFO)
    with refusing(sqlstate, message) as server:
        configure(DATABASE_URL=server.url, DATABASE_WAKE_TIMEOUT="600")
        with open_client() as client:
            response = client.get("/notes")
    assert (response.status_code, server.logins) == (503, 1)
    [line] = [record for record in caplog.records if message in record.getMessage()]
    assert line.levelno == logging.WARNING
    assert f"({advice(message)})" in line.getMessage()
    assert message not in response.text


def test_every_refusal_that_is_known_was_seen() -> None:
    assert not [words for words in REFUSALS if not any(words in message.lower() for _, message in FOR_GOOD)]


@pytest.mark.parametrize(("sqlstate", "message"), FOR_NOW)
def test_login_refused_for_now_is_tried_again_and_answered_503(
    configure: Configure, sqlstate: str, message: str
) -> None:
    with refusing(sqlstate, message) as server:
        configure(DATABASE_URL=server.url, DATABASE_WAKE_TIMEOUT="0.5")
        with open_client() as client:
            response = client.get("/notes")
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert server.logins > 1
