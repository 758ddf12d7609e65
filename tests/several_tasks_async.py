"""Inside a service with one connection: misuse a session by several tasks, and see that the connection comes back.

Each line of standard output is a misuse and "whole", or the error that the next session met.
"""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from sqlalchemy import func
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.sessions import SessionBlock, dispose_engine, reading, writing

#: More rounds than the pool has connections: if one lost its place, the next round would find none.
ROUNDS = 2


#: Those that a misuse leaves behind.
tasks: set[asyncio.Task[Any]] = set()


async def sleep(session: AsyncSession) -> None:
    await session.exec(select(func.pg_sleep(0.05)))


async def fail() -> None:
    await asyncio.sleep(0)
    raise KeyError


async def connect_twice(session: AsyncSession) -> None:
    await asyncio.gather(sleep(session), sleep(session))


async def work_twice(session: AsyncSession) -> None:
    await sleep(session)
    await asyncio.gather(sleep(session), sleep(session))


async def fail_while_another_connects(session: AsyncSession) -> None:
    await asyncio.gather(sleep(session), fail())


async def fail_while_another_works(session: AsyncSession) -> None:
    await sleep(session)
    await asyncio.gather(sleep(session), fail())


async def leave_a_task_behind(session: AsyncSession) -> None:
    tasks.add(asyncio.create_task(sleep(session)))
    await asyncio.sleep(0)


async def be_cancelled(session: AsyncSession) -> None:
    async with asyncio.timeout(0.01):
        await sleep(session)


MISUSES: list[Callable[[AsyncSession], Awaitable[None]]] = [
    connect_twice,
    work_twice,
    fail_while_another_connects,
    fail_while_another_works,
    leave_a_task_behind,
    be_cancelled,
]


async def misuse(open_block: Callable[[], SessionBlock], how: Callable[[AsyncSession], Awaitable[None]]) -> str:
    try:
        for _ in range(ROUNDS):
            with suppress(Exception):
                async with open_block() as session:
                    await how(session)
            others = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.gather(*others, return_exceptions=True)
            async with open_block() as session:
                await sleep(session)
    except SQLAlchemyError as error:
        return repr(error)
    return "whole"


async def main() -> None:
    # Collecting garbage would return a lost connection some time later.
    gc.disable()
    for open_block in (reading, writing):
        for how in MISUSES:
            for state in ("new", "kept"):
                if state == "new":
                    await dispose_engine()
                print(open_block.__name__, how.__name__, state, await misuse(open_block, how), sep=", ")
    await dispose_engine()


asyncio.run(main())
