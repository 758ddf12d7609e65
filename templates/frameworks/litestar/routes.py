"""Notes over HTTP. Each handler opens its own session, and its transaction is over before the response is built."""

from http import HTTPStatus
from typing import Annotated

from litestar import Controller, Response, delete, get, post, put
from litestar.exceptions import NotFoundException
from litestar.openapi.spec import Example
from litestar.params import JSONBody, PathParameter, QueryParameter

from app.database.sessions import reading, writing
from app.notes import queries
from app.notes.models import LARGEST_ID, Note, NotePage, NoteRead, NoteWrite
from app.openapi import problems

LONGEST_PAGE = 100

NoteId = Annotated[int, PathParameter(ge=1, le=LARGEST_ID, examples=[Example(value=1)])]
After = Annotated[
    int, QueryParameter(ge=0, le=LARGEST_ID, description="The id after which it begins", examples=[Example(value=0)])
]
Limit = Annotated[
    int, QueryParameter(ge=1, le=LONGEST_PAGE, description="How many notes at most", examples=[Example(value=20)])
]

ANY = {
    HTTPStatus.UNPROCESSABLE_ENTITY: "The input is invalid",
    HTTPStatus.SERVICE_UNAVAILABLE: "The database is asleep or busy",
}
NOT_FOUND = {HTTPStatus.NOT_FOUND: "There is no such note"}
CONFLICT = {HTTPStatus.CONFLICT: "Another note has this title"}


def found(note: Note | None, note_id: int) -> NoteRead:
    if note is None:
        raise NotFoundException(f"There is no note {note_id}.")
    return NoteRead.model_validate(note)


class NoteController(Controller):
    path = "/notes"
    tags = ("notes",)

    @post(responses=problems(ANY | CONFLICT))
    async def create_note(self, data: JSONBody[NoteWrite]) -> Response[NoteRead]:
        """Create a note."""
        async with writing() as session:
            note = await queries.create(session, data)
        return Response(NoteRead.model_validate(note), headers={"location": f"/notes/{note.id}"})

    @get(responses=problems(ANY))
    async def list_notes(self, after: After = 0, limit: Limit = 20) -> NotePage:
        """List notes in the order of their ids."""
        async with reading() as session:
            # One more than asked for, to see whether there is a next page.
            notes = await queries.read_page(session, after, limit + 1)
        page = [NoteRead.model_validate(note) for note in notes[:limit]]
        return NotePage(notes=page, next_after=page[-1].id if len(notes) > limit else None)

    # Taken as text, which the annotation then reads: what is no number is refused by name, not as an unknown path.
    @get("/{note_id:str}", responses=problems(ANY | NOT_FOUND))
    async def read_note(self, note_id: NoteId) -> NoteRead:
        """Read a note."""
        async with reading() as session:
            note = await queries.read(session, note_id)
        return found(note, note_id)

    @put("/{note_id:str}", responses=problems(ANY | NOT_FOUND | CONFLICT))
    async def replace_note(self, note_id: NoteId, data: JSONBody[NoteWrite]) -> NoteRead:
        """Replace a note's title and body."""
        async with writing() as session:
            note = await queries.replace(session, note_id, data)
        return found(note, note_id)

    @delete("/{note_id:str}", responses=problems(ANY | NOT_FOUND))
    async def delete_note(self, note_id: NoteId) -> None:
        """Delete a note."""
        async with writing() as session:
            removed = await queries.remove(session, note_id)
        if not removed:
            raise NotFoundException(f"There is no note {note_id}.")
