"""The application in the process of the tests, and a client for it."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from flask import Flask

from app.database.sessions import dispose_engine
from app.main import create_app
from tests.settings import HEADERS

Client = httpx2.Client


@contextmanager
def open_client(app: Flask | None = None) -> Iterator[Client]:
    """A client of the application, with the same methods as one of a running service; test_client() works as well."""
    transport = httpx2.WSGITransport(app or create_app())
    with httpx2.Client(transport=transport, base_url="http://testserver", headers=HEADERS) as client:
        yield client
    dispose_engine()
