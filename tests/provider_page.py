"""python tests/provider_page.py: write docs/providers.md from the table of providers."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).parent.parent
sys.path.append(str(TEMPLATE))

from cloudrun_postgres_template.numbers import MIGRATIONS, TAGGED_INSTANCES, numbers  # noqa: E402
from cloudrun_postgres_template.tables import tables  # noqa: E402

PAGE = TEMPLATE / "docs" / "providers.md"

#: What people write stands before this line.
MARK = "<!-- What follows is made from cookiecutter.json by: python tests/provider_page.py -->\n"


#: How TLS begins at an endpoint.
TLS = {"direct": "at once", "require": "on request", None: "as the URL says"}


def page() -> str:
    """The page with the present table."""
    written, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    sections = ["\n".join(section(name, row)) for name, row in tables()["_providers"].items()]
    return written + mark + "\n" + "\n".join(sections)


def section(name: str, row: Mapping[str, Any]) -> Iterator[str]:
    yield f"## `{name}`: {row['name']}\n"
    yield f"{row['sleep']}. Prepared statements: {row['prepared_statements']}.\n"
    yield from table(
        ["endpoint", "kind", "how it is told", "network", "TLS begins"],
        ([key, end["kind"], told(end), end["network"], TLS[end["tls"]]] for key, end in row["endpoints"].items()),
    )
    yield from table(
        ["pooling strategy", "endpoint", "connections", "of one instance", "maxScale", "sum"],
        (strategy_cells(name, strategy, endpoint) for strategy, endpoint in row["strategies"].items()),
    )
    yield f"Migrations use the {row['migrations']} endpoint.{variables(row)}\n"
    yield f"`DATABASE_CONNECT_TIMEOUT` is {row['connect_timeout']} seconds. {row['connect_timeout_because']}\n"
    if row["ignored_parameters"]:
        yield f"Parameters for other clients, which the log names: {code(row['ignored_parameters'])}.\n"
    if row["refusals"]:
        yield from table(["what it says when it refuses a login", "what to do"], map(list, row["refusals"].items()))
    yield from table(
        ["size", "max_connections", "kept back", "clients of the pooler", "server connections that they share"],
        ([size["name"], *(shown(size[key]) for key in LIMITS)] for size in row["sizes"]),
    )
    yield "Read at:\n"
    yield "\n".join(f"- <{address}>: {what}" for address, what in row["sources"].items()) + "\n"


LIMITS = ("max_connections", "reserved", "pooler_clients", "pool_size")


def told(endpoint: Mapping[str, Any]) -> str:
    """How the endpoint is recognized."""
    if not endpoint["host"]:
        return "by nothing"
    return f"`{endpoint['host']}`" + (f", port {endpoint['port']}" if endpoint["port"] else "")


def strategy_cells(provider: str, strategy: str, endpoint: str) -> list[str]:
    found = numbers({"provider": provider, "pooling_strategy": strategy})
    instances, each = found["max_instances"], found["concurrency"]
    total = f"({instances} + {TAGGED_INSTANCES}) x {each} + {MIGRATIONS} = {found['needed']}"
    return [f"`{strategy}`", endpoint, str(found["connections"]), str(each), str(instances), total]


def variables(row: Mapping[str, Any]) -> str:
    names = row["direct_url_variables"]
    return f" Where `DATABASE_DIRECT_URL` is not set, {code(names)} is read." if names else ""


def code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def shown(value: int | None) -> str:
    return "" if value is None else str(value)


def table(head: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    yield "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
