"""The application in the process of the tests, and a client for it."""

from litestar import Litestar
from litestar.testing import TestClient

from app.main import create_app
from tests.settings import HEADERS

Client = TestClient[Litestar]


def open_client(app: Litestar | None = None) -> Client:
    """A client of the application, which starts and ends with the client's block."""
    client = TestClient(app or create_app())
    client.headers.update(HEADERS)
    return client
