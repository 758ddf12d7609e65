"""Labels and comments over HTTP."""

from http import HTTPStatus

from fastapi import APIRouter, BackgroundTasks, Security

from app.database.sessions import reading, writing
from app.labels import queries
from app.labels.models import CommentRead, CommentWrite, LabelChange, LabelRead, LabelWithNotes
from app.web.authentication import require_api_key
from app.web.parameters import Id, UUIDId
from app.web.responses import CONFLICT, NOT_FOUND, or_404

router = APIRouter(tags=["labels"])


@router.post("/labels", status_code=HTTPStatus.CREATED, responses=CONFLICT, dependencies=[Security(require_api_key)])
async def create_label(body: LabelChange) -> LabelWithNotes:
    """Create a label."""
    async with writing() as session:
        label = await queries.create_label(session, body)
    return LabelWithNotes.model_validate(label)


@router.get("/labels")
async def list_labels() -> list[LabelRead]:
    """List labels."""
    async with reading() as session:
        labels = await queries.list_labels(session)
    return [LabelRead.model_validate(label) for label in labels]


@router.get("/labels/{label_id}", responses=NOT_FOUND)
async def read_label(label_id: Id) -> LabelWithNotes:
    """Read a label with its notes."""
    async with reading() as session:
        label = await queries.read_label(session, label_id)
    return LabelWithNotes.model_validate(or_404(label, "label", label_id))


@router.put("/labels/{label_id}", responses=NOT_FOUND | CONFLICT, dependencies=[Security(require_api_key)])
async def replace_label(label_id: Id, body: LabelChange) -> LabelWithNotes:
    """Replace a label and its notes."""
    async with writing() as session:
        label = await queries.replace_label(session, label_id, body)
    return LabelWithNotes.model_validate(or_404(label, "label", label_id))


@router.post("/comments", status_code=HTTPStatus.CREATED, responses=CONFLICT)
async def create_comment(body: CommentWrite, background: BackgroundTasks) -> CommentRead:
    """Create a comment, and answer it after the response."""
    async with writing() as session:
        comment = await queries.create_comment(session, body)
    background.add_task(answer, body.note_id)
    return CommentRead.model_validate(comment)


async def answer(note_id: int) -> None:
    async with writing() as session:
        await queries.create_comment(session, CommentWrite(text="Thank you.", note_id=note_id))


@router.get("/comments")
async def list_comments() -> list[CommentRead]:
    """List comments."""
    async with reading() as session:
        comments = await queries.list_comments(session)
    return [CommentRead.model_validate(comment) for comment in comments]


@router.get("/comments/{comment_id}", responses=NOT_FOUND)
async def read_comment(comment_id: UUIDId) -> CommentRead:
    """Read a comment."""
    async with reading() as session:
        comment = await queries.read_comment(session, comment_id)
    return CommentRead.model_validate(or_404(comment, "comment", comment_id))
