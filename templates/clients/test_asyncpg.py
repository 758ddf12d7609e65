"""How the URL's parameters reach the driver."""

import ssl

import pytest
from pydantic import SecretStr

from app.database.driver import translate

NEON = "ep-cool-sun-12345.us-east-1.aws.neon.tech"


def test_tls_without_verification_is_asked_of_asyncpg_in_libpqs_words() -> None:
    url, arguments = translate(SecretStr(f"postgresql://u:p@{NEON}/d?sslmode=require&channel_binding=prefer"))
    assert not url.query
    assert arguments == {"dsn": "postgresql:///?sslmode=require&sslnegotiation=direct"}


@pytest.mark.parametrize(
    "query",
    [
        "sslmode=require&channel_binding=require",
        "channel_binding=require",
        "sslmode=verify-full",
        "sslmode=verify-full&sslrootcert=system",
    ],
)
def test_what_libpq_would_prove_is_proven_by_the_certificate(query: str) -> None:
    _, arguments = translate(SecretStr(f"postgresql://u@{NEON}/d?{query}"))
    assert arguments["ssl"].verify_mode == ssl.CERT_REQUIRED
    assert arguments["ssl"].check_hostname
    assert arguments["dsn"] == "postgresql:///?sslnegotiation=direct"


@pytest.mark.parametrize(
    "query",
    [
        "tcp_user_timeout=1000",
        "gssencmode=require",
        "sslsni=0",
        "sslcrl=/crl.pem&channel_binding=require",
        "ssl_max_protocol_version=TLSv1.2&sslmode=verify-full",
    ],
)
def test_what_asyncpg_cannot_honour_is_refused_by_name(query: str) -> None:
    with pytest.raises(ValueError, match=query.split("=")[0]):
        translate(SecretStr(f"postgresql://u@db.example/d?{query}"))
