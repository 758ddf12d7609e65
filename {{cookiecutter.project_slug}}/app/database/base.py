"""What tables share: names of constraints, keys, timestamps and types."""

from datetime import datetime
from enum import Enum as PythonEnum
from typing import Annotated, Any, cast
from uuid import UUID, uuid4

from pydantic import StringConstraints
from sqlalchemy import BigInteger, DateTime, Enum, Identity, func
from sqlalchemy.orm import QueryableAttribute
from sqlmodel import Field, SQLModel

#: The largest id that every client reads exactly: JavaScript's numbers are exact up to it.
LARGEST_ID = 2**53 - 1

#: Text that Postgres can store: every character except NUL.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]

#: The longest value that a text_enum() may have.
LONGEST_MEMBER = 100

#: The name of a CHECK constraint.
CHECK_NAME = "ck_%(table_name)s_%(constraint_name)s"

#: Names that do not depend on the order in which Postgres made the constraints, so that migrations can name them again.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": CHECK_NAME,
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class IdentityKey(SQLModel):
    """A number that the database counts up, as the primary key."""

    id: int = Field(default=None, primary_key=True, sa_type=BigInteger, sa_column_args=[Identity()])


class UUIDKey(SQLModel):
    """A random UUID that the service makes, as the primary key."""

    id: UUID = Field(default_factory=uuid4, primary_key=True)


class Timestamps(SQLModel):
    """When a row was created and last changed, by the database's clock."""

    # RETURNING returns the new values with the statement that makes them.
    __mapper_args__ = {"eager_defaults": True}

    created_at: datetime = Field(
        default=None, sa_type=DateTime(timezone=True), sa_column_kwargs={"server_default": func.now()}
    )
    updated_at: datetime = Field(
        default=None,
        sa_type=DateTime(timezone=True),
        sa_column_kwargs={"server_default": func.now(), "onupdate": func.now()},
    )


def text_enum(enum: type[PythonEnum], name: str | None = None) -> Enum:
    """A text column for the values of this enum, with a CHECK constraint that keeps other values out.

    Write colour: Colour = Field(sa_type=text_enum(Colour)). A column of the plain enum would have a type of its own in
    Postgres. The constraint gets the enum's name; a second column of the same enum in one table needs another name.
    """
    return Enum(
        enum,
        name=name or enum.__name__.lower(),
        values_callable=lambda members: [str(member.value) for member in members],
        native_enum=False,
        create_constraint=True,
        length=LONGEST_MEMBER,
    )


def relation(attribute: object) -> QueryableAttribute[Any]:
    """A relationship as the type that selectinload() needs: selectinload(relation(Note.tags))."""
    return cast(QueryableAttribute[Any], attribute)
