"""Notes over HTTP. Each view opens its own session, and its transaction is over before the response is built."""

from http import HTTPStatus
from typing import Annotated

from flask import Blueprint, abort
from pydantic import BaseModel, Field
from spectree import Response

from app.database.sessions import reading, writing
from app.notes import queries
from app.notes.models import LARGEST_ID, Note, NotePage, NoteRead, NoteWrite
from app.openapi import api
from app.problems import Problem

LONGEST_PAGE = 100

NoteId = Annotated[int, Field(ge=1, le=LARGEST_ID, examples=[1])]

ANY = {
    "HTTP_422": (Problem, "The input is invalid"),
    "HTTP_503": (Problem, "The database is asleep or busy"),
}
NOT_FOUND = {"HTTP_404": (Problem, "There is no such note")}
CONFLICT = {"HTTP_409": (Problem, "Another note has this title")}

blueprint = Blueprint("notes", __name__, url_prefix="/notes")


class NotesQuery(BaseModel):
    after: int = Field(default=0, ge=0, le=LARGEST_ID, description="The id after which it begins", examples=[0])
    limit: int = Field(default=20, ge=1, le=LONGEST_PAGE, description="How many notes at most", examples=[20])


def found(note: Note | None, note_id: int) -> NoteRead:
    if note is None:
        abort(HTTPStatus.NOT_FOUND, f"There is no note {note_id}.")
    return NoteRead.model_validate(note)


@blueprint.post("")
@api.validate(resp=Response(HTTP_201=NoteRead, **ANY, **CONFLICT), tags=["notes"])
def create_note(json: NoteWrite) -> tuple[NoteRead, HTTPStatus, dict[str, str]]:
    """Create a note."""
    with writing() as session:
        note = queries.create(session, json)
    return NoteRead.model_validate(note), HTTPStatus.CREATED, {"location": f"/notes/{note.id}"}


@blueprint.get("")
@api.validate(resp=Response(HTTP_200=NotePage, **ANY), tags=["notes"])
def list_notes(query: NotesQuery) -> NotePage:
    """List notes in the order of their ids."""
    with reading() as session:
        # One more than asked for, to see whether there is a next page.
        notes = queries.read_page(session, query.after, query.limit + 1)
    page = [NoteRead.model_validate(note) for note in notes[: query.limit]]
    return NotePage(notes=page, next_after=page[-1].id if len(notes) > query.limit else None)


@blueprint.get("/<note_id>")
@api.validate(resp=Response(HTTP_200=NoteRead, **ANY, **NOT_FOUND), tags=["notes"])
def read_note(note_id: NoteId) -> NoteRead:
    """Read a note."""
    with reading() as session:
        note = queries.read(session, note_id)
    return found(note, note_id)


@blueprint.put("/<note_id>")
@api.validate(resp=Response(HTTP_200=NoteRead, **ANY, **NOT_FOUND, **CONFLICT), tags=["notes"])
def replace_note(note_id: NoteId, json: NoteWrite) -> NoteRead:
    """Replace a note's title and body."""
    with writing() as session:
        note = queries.replace(session, note_id, json)
    return found(note, note_id)


@blueprint.delete("/<note_id>")
@api.validate(resp=Response("HTTP_204", **ANY, **NOT_FOUND), tags=["notes"])
def delete_note(note_id: NoteId) -> tuple[str, HTTPStatus]:
    """Delete a note."""
    with writing() as session:
        removed = queries.remove(session, note_id)
    if not removed:
        abort(HTTPStatus.NOT_FOUND, f"There is no note {note_id}.")
    return "", HTTPStatus.NO_CONTENT
