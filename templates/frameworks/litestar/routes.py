"""Notes over HTTP. Each handler opens its own session, and its transaction is over before the response is built."""

from litestar import Controller, Response, delete, get, post, put
from litestar.params import JSONBody

from app.database.sessions import reading, writing
from app.notes import queries
from app.notes.models import NoteRead, NoteWrite
from app.web.pages import Page, page_of
from app.web.parameters import After, Id, Limit
from app.web.responses import CONFLICT, NOT_FOUND, not_found, or_404


class NoteController(Controller):
    path = "/notes"
    tags = ("notes",)

    @post(responses=CONFLICT)
    async def create_note(self, data: JSONBody[NoteWrite]) -> Response[NoteRead]:
        """Create a note."""
        async with writing() as session:
            note = await queries.create(session, data)
        return Response(NoteRead.model_validate(note), headers={"location": f"/notes/{note.id}"})

    @get()
    async def list_notes(self, after: After = 0, limit: Limit = 20) -> Page[NoteRead]:
        """List notes in the order of their ids."""
        async with reading() as session:
            notes = await queries.read_page(session, after, limit)
        return page_of(NoteRead, notes, limit)

    # The path takes any text, and Id says which: what is no number is refused by name, not as an unknown path.
    @get("/{note_id:str}", responses=NOT_FOUND)
    async def read_note(self, note_id: Id) -> NoteRead:
        """Read a note."""
        async with reading() as session:
            note = await queries.read(session, note_id)
        return NoteRead.model_validate(or_404(note, "note", note_id))

    @put("/{note_id:str}", responses=NOT_FOUND | CONFLICT)
    async def replace_note(self, note_id: Id, data: JSONBody[NoteWrite]) -> NoteRead:
        """Replace a note's title and body."""
        async with writing() as session:
            note = await queries.replace(session, note_id, data)
        return NoteRead.model_validate(or_404(note, "note", note_id))

    @delete("/{note_id:str}", responses=NOT_FOUND)
    async def delete_note(self, note_id: Id) -> None:
        """Delete a note."""
        async with writing() as session:
            removed = await queries.remove(session, note_id)
        if not removed:
            raise not_found("note", note_id)
