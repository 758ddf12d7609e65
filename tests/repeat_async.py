"""Run instead of `python -m app`: the same service with two more routes, for the load driver.

Each repeats one query eight times in one session. A driver that prepares has named the statement by
then, and behind a transaction pooler the name soon meets a connection that has it or lacks it.
The text is run, not imported: `ServiceProcess` hands it to Python, in the service's own flavour.
"""

from sqlmodel import literal, select

from app.__main__ import main
from app.database.sessions import reading, writing
from app.main import app

REPEATED = select(literal(8))


async def repeat_reading() -> list[int]:
    async with reading() as session:
        return [(await session.exec(REPEATED)).one() for _ in range(8)]


async def repeat_writing() -> list[int]:
    async with writing() as session:
        return [(await session.exec(REPEATED)).one() for _ in range(8)]


app.add_api_route("/repeat/reading", repeat_reading)
app.add_api_route("/repeat/writing", repeat_writing)
main()
