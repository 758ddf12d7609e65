"""python -m dev.migration NAME: write a migration from the differences between models and existing migrations.

It creates its own database, migrates it and drops it. Your database may be in any state.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
from alembic import command
from alembic.config import Config
from alembic.operations.ops import MigrationScript
from psycopg import sql

from dev.postgres import PROJECT, project_server


@contextmanager
def scratch_database() -> Iterator[str]:
    """The URL of an empty database on the embedded Postgres, which exists only inside the block."""
    server = project_server()
    server.start()
    name = f"migration-{uuid4()}"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            yield server.url(name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def keep_if_changed(context: object, revision: object, scripts: list[MigrationScript]) -> None:
    if all(changes.is_empty() for script in scripts for changes in script.upgrade_ops_list):
        scripts.clear()


def main(name: str) -> None:
    if not name:
        raise SystemExit('Say what the migration does: make migration name="add tags".')
    # Show what Alembic finds, but not how it starts.
    logging.getLogger("alembic.runtime").setLevel(logging.WARNING)
    config = Config(toml_file=PROJECT / "pyproject.toml")
    with scratch_database() as url:
        os.environ |= {"DATABASE_URL": url, "DATABASE_DIRECT_URL": url}
        command.upgrade(config, "head")
        written = command.revision(config, name, autogenerate=True, process_revision_directives=keep_if_changed)
    print("Read it, then: make migrate" if written else "The migrations agree with the models: nothing to write.")


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]).strip())
