"""A note: the table, what a client sends, and what it gets back."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from app.database.base import IdentityKey, Text, Timestamps


class NoteWrite(SQLModel):
    """What a client sends to create or replace a note."""

    title: Text = Field(min_length=1, max_length=200, unique=True, schema_extra={"examples": ["Milk"]})
    body: Text = Field(default="", max_length=10_000, schema_extra={"examples": ["Two litres."]})


class Note(NoteWrite, Timestamps, IdentityKey, table=True):
    """A row; no two have the same title."""


class NoteRead(NoteWrite):
    """A note as the service returns it."""

    id: int = Field(schema_extra={"examples": [1]})
    created_at: datetime
    updated_at: datetime
