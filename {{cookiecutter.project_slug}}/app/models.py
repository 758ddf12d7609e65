"""The one list of the service's tables. Migrations, tests and relationships find tables only through it."""

from sqlalchemy.orm import configure_mappers
from sqlmodel import SQLModel

from app.notes.models import Note

TABLES: list[type[SQLModel]] = [
    Note,
]

metadata = SQLModel.metadata


def resolve_relationships() -> None:
    """Resolve the relationships between the tables, so that a mistake stops the start and not a request.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: a relationship names something that does not exist.
    """
    configure_mappers()
