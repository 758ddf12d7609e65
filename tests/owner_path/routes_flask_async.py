"""Labels and comments over HTTP."""

from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

from flask import Blueprint
from spectree import Response

from app.database.sessions import reading, writing
from app.labels import queries
from app.labels.models import CommentRead, CommentWrite, LabelChange, LabelRead, LabelWithNotes
from app.web.authentication import require_api_key
from app.web.openapi import api
from app.web.parameters import Id, UUIDId
from app.web.responses import CONFLICT, NOT_FOUND, or_404

blueprint = Blueprint("labels", __name__)
background = ThreadPoolExecutor(thread_name_prefix="background")


@blueprint.post("/labels")
@api.validate(resp=Response(HTTP_201=LabelWithNotes, **CONFLICT), tags=["labels"])
async def create_label(json: LabelChange) -> tuple[LabelWithNotes, HTTPStatus]:
    """Create a label."""
    require_api_key()
    async with writing() as session:
        label = await queries.create_label(session, json)
    return LabelWithNotes.model_validate(label), HTTPStatus.CREATED


@blueprint.get("/labels")
@api.validate(resp=Response(HTTP_200=list[LabelRead]), tags=["labels"])
async def list_labels() -> list[LabelRead]:
    """List labels."""
    async with reading() as session:
        labels = await queries.list_labels(session)
    return [LabelRead.model_validate(label) for label in labels]


@blueprint.get("/labels/<label_id>")
@api.validate(resp=Response(HTTP_200=LabelWithNotes, **NOT_FOUND), tags=["labels"])
async def read_label(label_id: Id) -> LabelWithNotes:
    """Read a label with its notes."""
    async with reading() as session:
        label = await queries.read_label(session, label_id)
    return LabelWithNotes.model_validate(or_404(label, "label", label_id))


@blueprint.put("/labels/<label_id>")
@api.validate(resp=Response(HTTP_200=LabelWithNotes, **NOT_FOUND, **CONFLICT), tags=["labels"])
async def replace_label(label_id: Id, json: LabelChange) -> LabelWithNotes:
    """Replace a label and its notes."""
    require_api_key()
    async with writing() as session:
        label = await queries.replace_label(session, label_id, json)
    return LabelWithNotes.model_validate(or_404(label, "label", label_id))


@blueprint.post("/comments")
@api.validate(resp=Response(HTTP_201=CommentRead, **CONFLICT), tags=["labels"])
async def create_comment(json: CommentWrite) -> tuple[CommentRead, HTTPStatus]:
    """Create a comment, and answer it after the response."""
    async with writing() as session:
        comment = await queries.create_comment(session, json)
    background.submit(answer, json.note_id)
    return CommentRead.model_validate(comment), HTTPStatus.CREATED


async def answer(note_id: int) -> None:
    async with writing() as session:
        await queries.create_comment(session, CommentWrite(text="Thank you.", note_id=note_id))


@blueprint.get("/comments")
@api.validate(resp=Response(HTTP_200=list[CommentRead]), tags=["labels"])
async def list_comments() -> list[CommentRead]:
    """List comments."""
    async with reading() as session:
        comments = await queries.list_comments(session)
    return [CommentRead.model_validate(comment) for comment in comments]


@blueprint.get("/comments/<comment_id>")
@api.validate(resp=Response(HTTP_200=CommentRead, **NOT_FOUND), tags=["labels"])
async def read_comment(comment_id: UUIDId) -> CommentRead:
    """Read a comment."""
    async with reading() as session:
        comment = await queries.read_comment(session, comment_id)
    return CommentRead.model_validate(or_404(comment, "comment", comment_id))
