"""Notes over HTTP. Each view opens its own session, and its transaction is over before the response is built."""

from http import HTTPStatus

from flask import Blueprint
from spectree import Response

from app.database.sessions import reading, writing
from app.notes import queries
from app.notes.models import NoteRead, NoteWrite
from app.web.openapi import api
from app.web.pages import Page, page_of
from app.web.parameters import Id, PageQuery
from app.web.responses import CONFLICT, NOT_FOUND, not_found, or_404

blueprint = Blueprint("notes", __name__, url_prefix="/notes")


@blueprint.post("")
@api.validate(resp=Response(HTTP_201=NoteRead, **CONFLICT), tags=["notes"])
async def create_note(json: NoteWrite) -> tuple[NoteRead, HTTPStatus, dict[str, str]]:
    """Create a note."""
    async with writing() as session:
        note = await queries.create(session, json)
    return NoteRead.model_validate(note), HTTPStatus.CREATED, {"location": f"/notes/{note.id}"}


@blueprint.get("")
@api.validate(resp=Response(HTTP_200=Page[NoteRead]), tags=["notes"])
async def list_notes(query: PageQuery) -> Page[NoteRead]:
    """List notes in the order of their ids."""
    async with reading() as session:
        notes = await queries.read_page(session, query.after, query.limit)
    return page_of(NoteRead, notes, query.limit)


@blueprint.get("/<note_id>")
@api.validate(resp=Response(HTTP_200=NoteRead, **NOT_FOUND), tags=["notes"])
async def read_note(note_id: Id) -> NoteRead:
    """Read a note."""
    async with reading() as session:
        note = await queries.read(session, note_id)
    return NoteRead.model_validate(or_404(note, "note", note_id))


@blueprint.put("/<note_id>")
@api.validate(resp=Response(HTTP_200=NoteRead, **NOT_FOUND, **CONFLICT), tags=["notes"])
async def replace_note(note_id: Id, json: NoteWrite) -> NoteRead:
    """Replace a note's title and body."""
    async with writing() as session:
        note = await queries.replace(session, note_id, json)
    return NoteRead.model_validate(or_404(note, "note", note_id))


@blueprint.delete("/<note_id>")
@api.validate(resp=Response("HTTP_204", **NOT_FOUND), tags=["notes"])
async def delete_note(note_id: Id) -> tuple[str, HTTPStatus]:
    """Delete a note."""
    async with writing() as session:
        removed = await queries.remove(session, note_id)
    if not removed:
        raise not_found("note", note_id)
    return "", HTTPStatus.NO_CONTENT
