"""python -m app.database.check [--json]: what DATABASE_URL leads to, and whether the service can work with it.

It is safe in production: it only reads, in a read-only transaction, and leaves nothing behind in a pooler. It prints
facts, notes (which may be as they should) and contradictions with their remedies. The exit code is 0, or 1 if there is
a contradiction or no connection.
"""

import argparse
import asyncio
import logging
import sys
from collections.abc import Callable
from typing import TypeVar

from pydantic import SecretStr, ValidationError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from .doctor.facts import DirectFacts, direct_facts_of, facts_of, observe
from .doctor.findings import contradictions, notes
from .doctor.report import Report, as_json, as_text
from .engine import build_engine
from .errors import reason
from .settings import DatabaseSettings, explain, get_database_settings

Found = TypeVar("Found")


async def checked() -> Report:
    """The report on the settings of this process."""
    try:
        settings = get_database_settings()
    except ValidationError as error:
        return Report(error=f"The settings are wrong. {' '.join(explain(error))}")
    try:
        facts = await found(settings.database_url, settings, facts_of)
    except SQLAlchemyError as error:
        return Report(error=f"The database does not answer: {reason(error)}")
    try:
        direct = await direct_facts(settings)
        unreachable = []
    except SQLAlchemyError as error:
        direct = None
        unreachable = [f"DATABASE_DIRECT_URL does not answer, so migrations cannot run: {reason(error)}"]
    return Report(
        facts=facts,
        direct_facts=direct,
        contradictions=[*contradictions(facts, direct), *unreachable],
        notes=notes(facts, direct),
    )


async def direct_facts(settings: DatabaseSettings) -> DirectFacts | None:
    """The facts of DATABASE_DIRECT_URL, if it is set and is another URL than DATABASE_URL."""
    url = settings.database_direct_url
    if url is None or url == settings.database_url:
        return None
    return await found(url, settings, direct_facts_of)


async def found(url: SecretStr, settings: DatabaseSettings, look: Callable[[Connection], Found]) -> Found:
    """What the function finds on a new connection, made as the service makes its own."""
    engine = build_engine(url, settings)
    observe(engine.sync_engine)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(look)
    finally:
        await engine.dispose()


async def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m app.database.check", description="Check the database.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    report = await checked()
    if arguments.json:
        print(as_json(report))
    elif report.error:
        print(report.error, file=sys.stderr)
    else:
        print(as_text(report))
    sys.exit(0 if report.ok else 1)


if __name__ == "__main__":
    asyncio.run(main())
