"""The one list of the service's tables. Migrations, tests and relationships know a table by its place here."""

from sqlalchemy.orm import configure_mappers
from sqlmodel import SQLModel

from app.notes.models import Note

TABLES: list[type[SQLModel]] = [
    Note,
]

metadata = SQLModel.metadata


def resolve_relationships() -> None:
    """Resolve the relationships between the tables, so that a mistake in one ends the start and not a request.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: a relationship names what is not there.
    """
    configure_mappers()
