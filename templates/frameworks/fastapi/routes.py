"""Notes over HTTP. Each handler opens its own session, and its transaction is over before the response is built."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Response

from app.database.sessions import reading, writing
from app.notes import queries
from app.notes.models import LARGEST_ID, Note, NotePage, NoteRead, NoteWrite
from app.problems import Problem

LONGEST_PAGE = 100

NoteId = Annotated[int, Path(ge=1, le=LARGEST_ID, examples=[1])]

NOT_FOUND: dict[int | str, dict[str, Any]] = {
    HTTPStatus.NOT_FOUND: {"model": Problem, "description": "There is no such note"}
}
CONFLICT: dict[int | str, dict[str, Any]] = {
    HTTPStatus.CONFLICT: {"model": Problem, "description": "Another note has this title"}
}

router = APIRouter(
    prefix="/notes",
    tags=["notes"],
    responses={
        HTTPStatus.UNPROCESSABLE_ENTITY: {"model": Problem, "description": "The input is invalid"},
        HTTPStatus.SERVICE_UNAVAILABLE: {"model": Problem, "description": "The database is asleep or busy"},
    },
)


def found(note: Note | None, note_id: int) -> NoteRead:
    if note is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no note {note_id}.")
    return NoteRead.model_validate(note)


@router.post("", status_code=HTTPStatus.CREATED, responses=CONFLICT)
async def create_note(body: NoteWrite, response: Response) -> NoteRead:
    """Create a note."""
    async with writing() as session:
        note = await queries.create(session, body)
    response.headers["location"] = f"/notes/{note.id}"
    return NoteRead.model_validate(note)


@router.get("")
async def list_notes(
    after: Annotated[int, Query(ge=0, le=LARGEST_ID, description="The id after which it begins", examples=[0])] = 0,
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE, description="How many notes at most", examples=[20])] = 20,
) -> NotePage:
    """List notes in the order of their ids."""
    async with reading() as session:
        # One more than asked for, to see whether there is a next page.
        notes = await queries.read_page(session, after, limit + 1)
    page = [NoteRead.model_validate(note) for note in notes[:limit]]
    return NotePage(notes=page, next_after=page[-1].id if len(notes) > limit else None)


@router.get("/{note_id}", responses=NOT_FOUND)
async def read_note(note_id: NoteId) -> NoteRead:
    """Read a note."""
    async with reading() as session:
        note = await queries.read(session, note_id)
    return found(note, note_id)


@router.put("/{note_id}", responses=NOT_FOUND | CONFLICT)
async def replace_note(note_id: NoteId, body: NoteWrite) -> NoteRead:
    """Replace a note's title and body."""
    async with writing() as session:
        note = await queries.replace(session, note_id, body)
    return found(note, note_id)


@router.delete("/{note_id}", status_code=HTTPStatus.NO_CONTENT, responses=NOT_FOUND)
async def delete_note(note_id: NoteId) -> None:
    """Delete a note."""
    async with writing() as session:
        removed = await queries.remove(session, note_id)
    if not removed:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no note {note_id}.")
