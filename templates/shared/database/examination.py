"""What the settings of this process lead to, and whether the service can work with it."""

from collections.abc import Callable
from typing import TypeVar

from pydantic import SecretStr
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from ..driver import translate
from ..engine import build_engine
from ..errors import reason
from ..providers import recognize
from ..settings import DatabaseSettings, explain, get_database_settings
from .facts import DirectFacts, direct_facts_of, facts_of, observe
from .findings import contradictions, notes
from .report import Report

Found = TypeVar("Found")


async def examined() -> Report:
    """The report on the settings of this process."""
    try:
        settings = get_database_settings()
    except (OSError, ValueError) as error:
        return Report(error=f"The settings are wrong. {' '.join(explain(error))}")
    try:
        facts = await found(settings.database_url, settings, facts_of)
    except SQLAlchemyError as error:
        return Report(error=f"The database does not answer: {reason(error)}{note_on(settings.database_url)}")
    try:
        direct = await direct_facts(settings)
        unreachable = []
    except SQLAlchemyError as error:
        direct = None
        note = note_on(settings.database_direct_url)
        unreachable = [f"DATABASE_DIRECT_URL does not answer, so migrations cannot run: {reason(error)}{note}"]
    return Report(
        facts=facts,
        direct_facts=direct,
        contradictions=[*contradictions(facts, direct), *unreachable],
        notes=notes(facts, direct),
    )


def note_on(url: SecretStr | None) -> str:
    """What often keeps clients from reaching this endpoint, to be appended to an error; or nothing."""
    known = recognize(translate(url)[0]) if url else None
    return f" (Of {known.provider}: {known.note}.)" if known and known.note else ""


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
