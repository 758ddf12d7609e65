"""What the service asks the database about labels and comments."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import selectinload
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database.base import relation
from app.labels.models import Comment, CommentWrite, Label, LabelChange
from app.notes.models import Note


async def create_label(session: AsyncSession, body: LabelChange) -> Label:
    label = Label.model_validate(body, update={"notes": await read_notes(session, body.note_ids)})
    session.add(label)
    await session.flush()
    return label


async def read_label(session: AsyncSession, label_id: int) -> Label | None:
    return await session.get(Label, label_id, options=[selectinload(relation(Label.notes))])


async def replace_label(session: AsyncSession, label_id: int, body: LabelChange) -> Label | None:
    label = await read_label(session, label_id)
    if label:
        label.sqlmodel_update(body.model_dump(exclude={"note_ids"}))
        label.notes = await read_notes(session, body.note_ids)
        await session.flush()
    return label


async def read_notes(session: AsyncSession, ids: Sequence[int]) -> list[Note]:
    return list(await session.exec(select(Note).where(col(Note.id).in_(ids)).order_by(col(Note.id))))


async def list_labels(session: AsyncSession) -> list[Label]:
    return list(await session.exec(select(Label).order_by(col(Label.id))))


async def create_comment(session: AsyncSession, body: CommentWrite) -> Comment:
    comment = Comment.model_validate(body)
    session.add(comment)
    await session.flush()
    return comment


async def read_comment(session: AsyncSession, comment_id: UUID) -> Comment | None:
    return await session.get(Comment, comment_id)


async def list_comments(session: AsyncSession) -> list[Comment]:
    return list(await session.exec(select(Comment).order_by(col(Comment.created_at))))
