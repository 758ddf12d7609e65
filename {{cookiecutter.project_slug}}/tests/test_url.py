"""Connection strings, as providers print them."""

import re
import string
import traceback
from itertools import product
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from app.database.driver import translate
from app.database.providers import Endpoint, advice, recognize, serves
from app.database.url import ignored_parameters, parse

NEON = "ep-cool-sun-12345.us-east-1.aws.neon.tech"
NEON_POOLED = "ep-cool-sun-12345-pooler.us-east-1.aws.neon.tech"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_any_postgres_scheme_becomes_this_driver(scheme: str) -> None:
    url = parse(SecretStr(f"{scheme}://user:not-a-real-secret@db.example/notes"))
    assert url.drivername == "{{ cookiecutter._drivers[cookiecutter.driver].dialect }}"
    assert (url.username, url.password, url.host, url.database) == ("user", "not-a-real-secret", "db.example", "notes")


def test_percent_encoded_credentials_are_decoded_once() -> None:
    url = parse(SecretStr("postgresql://us%40er:p%25%40%2F%3A%2520+w@db.example/notes"))
    assert (url.username, url.password) == ("us@er", "p%@/:%20+w")


def test_password_may_hold_an_at_sign_as_it_is() -> None:
    assert parse(SecretStr("postgresql://user:a@b@db.example/notes")).password == "a@b"


def test_ipv6_address() -> None:
    url = parse(SecretStr("postgresql://user@[2001:db8::1]:6432/notes"))
    assert (url.host, url.port) == ("2001:db8::1", 6432)


@pytest.mark.parametrize(
    "text", ["postgresql:///notes?host=/cloudsql/p:r:i", "postgresql://%2Fcloudsql%2Fp%3Ar%3Ai/notes"]
)
def test_unix_socket(text: str) -> None:
    url, _ = translate(SecretStr(text))
    _, keywords = url.get_dialect()().create_connect_args(url)
    assert keywords["host"] == "/cloudsql/p:r:i"


def test_several_hosts_keep_their_ports() -> None:
    url, _ = translate(SecretStr("postgresql://user@one.example:5433,two.example/notes"))
    _, keywords = url.get_dialect()().create_connect_args(url)
    hosts, ports = keywords["host"], keywords["port"]
    assert (hosts, ports) in [("one.example,two.example", "5433,5432"), (["one.example", "two.example"], [5433, 5432])]


@pytest.mark.parametrize(
    ("text", "provider", "kind"),
    [
        (f"postgresql://u@{NEON}/d", "Neon", "direct"),
        (f"postgresql://u@{NEON_POOLED}/d", "Neon", "pooled"),
        ("postgresql://u@EP-X-POOLER.c-8.us-east-1.AWS.neon.tech./d", "Neon", "pooled"),
        (f"postgresql:///d?host={NEON_POOLED}", "Neon", "pooled"),
        ("postgresql://u@ep-x.pooler-pooler.aws.neon.tech/d", "Neon", "direct"),
        ("postgresql://u@aws-0-eu-central-1.pooler.supabase.com:6543/d", "Supabase", "pooled"),
        ("postgresql://u@aws-1-eu-central-1.pooler.supabase.com:5432/d", "Supabase", "session"),
        ("postgresql://u@aws-1-eu-central-1.pooler.supabase.com/d", "Supabase", "session"),
        ("postgresql://u@db.abc.supabase.co/d", "Supabase", "direct"),
        ("postgresql://u@db.abc.supabase.co:6543/d", "Supabase", "pooled"),
        ("postgresql:///d?host=/cloudsql/project:us-east4:notes", "Cloud SQL", "direct"),
        ("postgresql://%2Fcloudsql%2Fexample.com%3Aproject%3Aus-east4%3Anotes/d", "Cloud SQL", "direct"),
        ("postgresql://u@db.example/d", None, None),
        ("postgresql://u@neon.tech.example/d", None, None),
        ("postgresql://u@abc.supabase.co/d", None, None),
        ("postgresql:///d?host=/var/run/postgresql", None, None),
    ],
)
def test_known_providers_endpoints_are_told_apart(text: str, provider: str | None, kind: str | None) -> None:
    known = recognize(parse(SecretStr(text)))
    assert (known and known.provider, known and known.kind) == (provider, kind)


@pytest.mark.parametrize(
    ("kind", "wanted", "good"),
    [
        ("direct", "direct", True),
        ("session", "direct", True),
        ("pooled", "direct", False),
        ("pooled", "pooled", True),
        ("session", "pooled", False),
        ("direct", "pooled", False),
    ],
)
def test_session_pooler_serves_where_a_server_does(kind: Endpoint, wanted: Endpoint, good: bool) -> None:
    assert serves(kind, wanted) == good


def test_refusal_of_a_provider_says_what_to_do() -> None:
    said = "FATAL: (ENOTFOUND) tenant/user postgres.abc not found"
    assert advice(said) == "Supabase knows no such project, or has paused it: restore it in the dashboard"
    assert advice("FATAL: the database system is starting up") is None


@pytest.mark.parametrize("name", ["connection_limit", "pgbouncer", "pool_timeout", "supa"])
def test_parameter_for_other_clients_is_left_out_and_named(name: str) -> None:
    url = SecretStr(f"postgresql://user:not-a-real-secret@db.example/notes?{name}=1&sslmode=require")
    assert parse(url).query == {"sslmode": "require"}
    assert ignored_parameters(url) == [name]


@pytest.mark.parametrize(
    ("text", "negotiation"),
    [
        (f"postgresql://u@{NEON}/d", "direct"),
        (f"postgresql://u@{NEON_POOLED}/d?sslmode=require&channel_binding=require", "direct"),
        (f"postgresql://u@{NEON}/d?sslnegotiation=postgres", "postgres"),
        ("postgresql://u@db.abc.supabase.co/d", None),
        ("postgresql://u@db.example/d?sslmode=require", None),
    ],
)
def test_tls_begins_at_once_where_the_provider_takes_it(text: str, negotiation: str | None) -> None:
    assert parse(SecretStr(text)).query.get("sslnegotiation") == negotiation


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mysql://user@db.example/notes",
        "not-a-real-secret",
        "postgresql://user:not-a-real-secret@db.example:port/notes",
        "postgresql://user:not-a/real-secret@db.example/notes",
        "postgresql://user:not-a-real-secret@db.example:65536/notes",
        "postgresql://user:not-a-real-secret@db.example/notes?schema=public",
        "postgresql://user:not-a-real-secret@db.example/notes?sslmode=requre",
    ],
)
def test_what_cannot_be_used_is_refused_without_repeating_a_secret(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$") as refusal:
        parse(SecretStr(text))
    assert "real-secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "form",
    [
        "postgresql://user:{}@db.example/notes",
        "postgresql://user:{}@db.example:6432,other.example/notes?sslmode=require",
        "postgresql:///notes?host=db.example&password={}&user=user",
        "postgresql://user@db.example/notes?password={}",
    ],
)
def test_password_is_read_as_it_was_typed_or_refused_without_a_part_of_it(form: str) -> None:
    for first, second in product(string.punctuation, repeat=2):
        password = f"Hunter{first}Zebra{second}Yellow"
        url = SecretStr(form.format(password))
        try:
            parsed, arguments = translate(url)
        except ValueError as refusal:
            shown = "".join(traceback.format_exception(refusal))
        else:
            assert (parsed.password, parsed.username, parsed.database) == (password, "user", "notes")
            shown = f"{parsed!r} {parsed} {url} {arguments}"
        assert not re.search("Hunter|Zebra|Yellow", shown), password


@pytest.mark.parametrize("secret", ["real%00secret", "real%ffsecret", "real%c3secret"])
def test_what_cannot_be_decoded_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match=r"^It holds .*\.$") as refusal:
        parse(SecretStr(f"postgresql://user:{secret}@db.example/notes"))
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("port", ["٣", "5432²", "+5432", "5_432", "0", "65536"])
def test_port_is_a_number_in_ascii_digits(port: str) -> None:
    with pytest.raises(ValueError, match=r"port is malformed"):
        parse(SecretStr(f"postgresql://user@db.example:{port}/notes"))


@pytest.mark.parametrize("character", "%/?#@:")
def test_escaped_character_is_read_and_the_hint_names_its_escape(character: str) -> None:
    escaped = quote(character, safe="")
    url = parse(SecretStr(f"postgresql://us{escaped}er:pass{escaped}word@db.example/notes"))
    assert (url.username, url.password) == (f"us{character}er", f"pass{character}word")
    with pytest.raises(ValueError, match=f"{re.escape(character)} as {escaped}"):
        parse(SecretStr("postgresql://user:not-a/real-secret@db.example/notes"))


def test_refusal_names_the_parameter() -> None:
    with pytest.raises(ValueError, match="the parameter schema"):
        parse(SecretStr("postgresql://user@db.example/notes?schema=public"))


@pytest.mark.parametrize("query", ["", "?sslmode=prefer", "?sslmode=disable"])
def test_known_provider_is_asked_for_tls_when_its_url_does_not_insist(query: str) -> None:
    assert parse(SecretStr(f"postgresql://u@db.abc.supabase.co/d{query}")).query["sslmode"] == "require"
