"""Notes over HTTP. Each handler opens its own session, and its transaction is over before the response is built."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from app.database.sessions import reading, writing
from app.notes import queries
from app.notes.models import NoteRead, NoteWrite
from app.web.pages import Page, page_of
from app.web.parameters import After, Id, Limit
from app.web.responses import CONFLICT, NOT_FOUND, not_found, or_404

router = APIRouter(prefix="/notes", tags=["notes"])


@router.post("", status_code=HTTPStatus.CREATED, responses=CONFLICT)
async def create_note(body: NoteWrite, response: Response) -> NoteRead:
    """Create a note."""
    async with writing() as session:
        note = await queries.create(session, body)
    response.headers["location"] = f"/notes/{note.id}"
    return NoteRead.model_validate(note)


@router.get("")
async def list_notes(after: After = 0, limit: Limit = 20) -> Page[NoteRead]:
    """List notes in the order of their ids."""
    async with reading() as session:
        notes = await queries.read_page(session, after, limit)
    return page_of(NoteRead, notes, limit)


@router.get("/{note_id}", responses=NOT_FOUND)
async def read_note(note_id: Id) -> NoteRead:
    """Read a note."""
    async with reading() as session:
        note = await queries.read(session, note_id)
    return NoteRead.model_validate(or_404(note, "note", note_id))


@router.put("/{note_id}", responses=NOT_FOUND | CONFLICT)
async def replace_note(note_id: Id, body: NoteWrite) -> NoteRead:
    """Replace a note's title and body."""
    async with writing() as session:
        note = await queries.replace(session, note_id, body)
    return NoteRead.model_validate(or_404(note, "note", note_id))


@router.delete("/{note_id}", status_code=HTTPStatus.NO_CONTENT, responses=NOT_FOUND)
async def delete_note(note_id: Id) -> None:
    """Delete a note."""
    async with writing() as session:
        removed = await queries.remove(session, note_id)
    if not removed:
        raise not_found("note", note_id)
