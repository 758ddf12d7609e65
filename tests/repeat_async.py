"""Run instead of `python -m app`: the same service, in which listing and creating notes repeat one query eight times.

A driver that prepares has named the statement by then, and behind a transaction pooler the name soon meets a
connection that has it or lacks it. The text is run, not imported, in the service's own
flavour. It knows no web framework: each reaches its queries through the same module.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from sqlmodel import literal, select

from app.__main__ import main
from app.notes import queries

REPEATED = select(literal(8))


def repeating(query: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def repeat(session: Any, *arguments: Any) -> Any:
        for _ in range(8):
            assert (await session.exec(REPEATED)).one() == 8
        return await query(session, *arguments)

    return repeat


queries.read_page = repeating(queries.read_page)
queries.create = repeating(queries.create)
main()
