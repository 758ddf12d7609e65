"""The application in the process of the tests, and a client for it."""

from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.main import create_app
from tests.settings import HEADERS

Client = TestClient


def open_client(app: FastAPI | None = None) -> Client:
    """A client of the application, which starts and ends with the client's block."""
    return TestClient(app or create_app(), headers=HEADERS)
