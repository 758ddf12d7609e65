{% set roles = cookiecutter | roles %}
"""The two roles of deploy/roles.sql in the tests' database, for migrations and service as in production."""

import psycopg
from psycopg import sql

from tests.settings import PROJECT

#: The role that owns the tables, and the one of the service.
OWNER, RUNTIME = "{{ roles.owner }}", "{{ roles.runtime }}"


def make_roles(connection: psycopg.Connection) -> None:
    """Run deploy/roles.sql in this database, and let both roles log in."""
    connection.execute((PROJECT / "deploy" / "roles.sql").read_bytes())
    for role in (OWNER, RUNTIME):
        connection.execute(sql.SQL("ALTER ROLE {} LOGIN").format(sql.Identifier(role)))
