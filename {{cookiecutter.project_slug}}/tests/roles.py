{% set roles = cookiecutter | roles %}
"""The two roles of deploy/roles.sql in the tests' database, for migrations and service as in production."""

import psycopg
from psycopg import sql

from tests.settings import PROJECT

#: The role that owns the tables, and the one of the service.
OWNER, RUNTIME = "{{ roles.owner }}", "{{ roles.runtime }}"

#: The role that makes them, as a provider hands it out: no superuser, but it may make roles and owns the database.
ADMIN = "provided"


def make_admin(connection: psycopg.Connection) -> None:
    """Let a superuser make it, and give it this database."""
    name = sql.Identifier(ADMIN)
    connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE").format(name))
    connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(connection.info.dbname), name))


def make_roles(connection: psycopg.Connection) -> None:
    """Run deploy/roles.sql in this database, and let both roles log in."""
{% for account in roles.accounts.values() %}
    make_account(connection, "{{ account }}")
{% endfor %}
    connection.execute((PROJECT / "deploy" / "roles.sql").read_bytes())
    for role in (OWNER, RUNTIME):
        connection.execute(sql.SQL("ALTER ROLE {} LOGIN").format(sql.Identifier(role)))
{% if roles.accounts %}


def make_account(connection: psycopg.Connection, name: str) -> None:
    """A user of the instance, as gcloud makes it."""
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone():
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
{% endif %}
