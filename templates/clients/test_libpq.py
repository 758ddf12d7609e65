"""How the URL's parameters reach the driver."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from app.database.driver import translate

NEON = "ep-cool-sun-12345.us-east-1.aws.neon.tech"


def test_libpq_is_given_the_urls_own_words() -> None:
    url, arguments = translate(SecretStr(f"postgresql://u:p@{NEON}/d?sslmode=require&channel_binding=require"))
    assert url.query == {"sslmode": "require", "channel_binding": "require", "sslnegotiation": "direct"}
    assert arguments == {}


@pytest.mark.parametrize("query", ["sslmode=verify-full", "sslmode=verify-full&sslrootcert=system"])
def test_verification_by_public_authorities_names_their_file(query: str) -> None:
    _, arguments = translate(SecretStr(f"postgresql://u@db.example/d?{query}"))
    assert arguments["sslmode"] == "verify-full"
    assert Path(arguments["sslrootcert"]).is_file()


def test_verification_by_another_authority_stays_with_its_file() -> None:
    url, arguments = translate(SecretStr("postgresql://u@db.example/d?sslmode=verify-full&sslrootcert=/ca.pem"))
    assert url.query["sslrootcert"] == "/ca.pem"
    assert arguments == {}
