"""Run inside a rendered service: does one step for each name on stdin, and says `done` after each.

The text is run, not imported: `round_trips.py` hands it to Python, in the service's own flavour.
"""
# It runs inside a service, where `app` is.
# mypy: ignore-errors

import asyncio
import sys
from uuid import uuid4

from app.database.sessions import get_engine, reading, writing
from app.notes import queries
from app.notes.models import NoteWrite


async def read() -> None:
    """One block, one SELECT."""
    async with reading() as session:
        await queries.read_page(session, 0, 1)


async def write() -> None:
    """One block, one INSERT."""
    async with writing() as session:
        await queries.create(session, NoteWrite(title=str(uuid4())))


async def drop() -> None:
    """Close the connections that the pool keeps; the engine stays, and what it learned on its first one."""
    await get_engine().dispose()


STEPS = {"read": read, "write": write, "drop": drop}


async def main() -> None:
    for line in sys.stdin:
        await STEPS[line.strip()]()
        print("done", flush=True)


asyncio.run(main())
