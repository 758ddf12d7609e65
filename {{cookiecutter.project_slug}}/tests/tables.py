"""The service's tables in the tests' database."""

import psycopg
from psycopg import sql

from app.models import metadata


def empty_tables(connection: psycopg.Connection) -> None:
    """Delete all rows of all tables, and start their ids from 1 again."""
    tables = [sql.Identifier(*filter(None, (table.schema, table.name))) for table in metadata.sorted_tables]
    if tables:
        statement = sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(sql.SQL(", ").join(tables))
        connection.execute(statement)
