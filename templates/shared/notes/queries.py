"""The database queries for notes. This module does not depend on HTTP."""

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.notes.models import Note, NoteWrite


async def create(session: AsyncSession, body: NoteWrite) -> Note:
    note = Note.model_validate(body)
    session.add(note)
    await session.flush()
    return note


async def read(session: AsyncSession, note_id: int) -> Note | None:
    return await session.get(Note, note_id)


async def read_page(session: AsyncSession, after: int, limit: int) -> list[Note]:
    """The notes after this id, ordered by id. One more than the limit shows that there is a next page."""
    statement = select(Note).where(col(Note.id) > after).order_by(col(Note.id)).limit(limit + 1)
    return list(await session.exec(statement))


async def replace(session: AsyncSession, note_id: int, body: NoteWrite) -> Note | None:
    note = await session.get(Note, note_id, with_for_update=True)
    if note:
        note.sqlmodel_update(body)
        await session.flush()
    return note


async def remove(session: AsyncSession, note_id: int) -> bool:
    result = await session.exec(delete(Note).where(col(Note.id) == note_id))
    return result.rowcount == 1
