"""A note: the table, what a client sends, and what it gets back."""

from datetime import datetime
from typing import Annotated

from pydantic import StringConstraints
from sqlalchemy import BigInteger, Identity
from sqlmodel import Field, SQLModel

from app.database.base import Timestamps

#: The largest id that every client tells from its neighbours: JavaScript's numbers are exact up to it.
LARGEST_ID = 2**53 - 1

#: Text that Postgres can store: any characters but NUL.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]


class NoteWrite(SQLModel):
    """What a client sends to create or replace a note."""

    title: Text = Field(min_length=1, max_length=200, unique=True, schema_extra={"examples": ["Milk"]})
    body: Text = Field(default="", max_length=10_000, schema_extra={"examples": ["Two litres."]})


class Note(Timestamps, NoteWrite, table=True):
    """A row; no two have the same title."""

    id: int = Field(default=None, primary_key=True, sa_type=BigInteger, sa_column_args=[Identity()])


class NoteRead(NoteWrite):
    """A note as the service returns it."""

    id: int = Field(schema_extra={"examples": [1]})
    created_at: datetime
    updated_at: datetime


class NotePage(SQLModel):
    """Some notes, and where the next ones begin."""

    notes: list[NoteRead]
    next_after: int | None = Field(
        description="Pass it as after to get the next page; null on the last one.", schema_extra={"examples": [1]}
    )
