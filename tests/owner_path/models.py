"""Labels for notes, and comments on notes."""

from enum import Enum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, Relationship, SQLModel

from app.database.base import IdentityKey, Text, Timestamps, UUIDKey, text_enum
from app.notes.models import Note, NoteRead


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Mood(Enum):
    GOOD = "good"
    BAD = "bad"


class NoteLabel(SQLModel, table=True):
    """Which note has which label."""

    note_id: int = Field(foreign_key="note.id", ondelete="CASCADE", primary_key=True, sa_type=BigInteger)
    label_id: int = Field(foreign_key="label.id", ondelete="CASCADE", primary_key=True, index=True, sa_type=BigInteger)


class LabelWrite(SQLModel):
    name: Text = Field(min_length=1, max_length=50, unique=True)
    colour: Colour = Field(default=Colour.RED, sa_type=text_enum(Colour))
    mood: Mood = Mood.GOOD
    options: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)


class Label(LabelWrite, Timestamps, IdentityKey, table=True):
    notes: list[Note] = Relationship(link_model=NoteLabel)


class LabelChange(LabelWrite):
    note_ids: list[int] = []


class LabelRead(LabelWrite):
    id: int


class LabelWithNotes(LabelRead):
    notes: list[NoteRead]


class CommentWrite(SQLModel):
    text: Text = Field(max_length=1_000)
    note_id: int = Field(foreign_key="note.id", ondelete="CASCADE", sa_type=BigInteger)


class Comment(CommentWrite, Timestamps, UUIDKey, table=True):
    pass


class CommentRead(CommentWrite):
    id: UUID
