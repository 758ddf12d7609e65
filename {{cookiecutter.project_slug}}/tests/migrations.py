"""Alembic on the caller's database: in this process, or in its own process."""

import io
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import indent

from alembic.config import CommandLine, Config
from alembic.script import ScriptDirectory

from tests.settings import PROJECT, configured, environment

MIGRATION = """\
import sqlalchemy as sa
from alembic import op

revision = {revision!r}
down_revision = {after!r}


def upgrade() -> None:
{body}
"""


def alembic(url: str, *arguments: str, folder: Path = PROJECT) -> str:
    """Run an Alembic command in this process and return what it prints.

    Raises:
        alembic.util.CommandError: the command failed, or check found a difference.
        sqlalchemy.exc.SQLAlchemyError: the database refused a statement.
    """
    output = io.StringIO()
    command = CommandLine()
    options = command.parser.parse_args(["--raiseerr", *arguments])
    config = Config(toml_file=folder / "pyproject.toml", cmd_opts=options, stdout=output, output_buffer=output)
    with configured(DATABASE_URL=url, DATABASE_DIRECT_URL=url):
        command.run_cmd(config, options)
    return output.getvalue()


def start_alembic(url: str, *arguments: str, folder: Path = PROJECT, **others: str) -> subprocess.Popen[str]:
    """Start an Alembic command as a process, as the migration job does."""
    command = [sys.executable, "-m", "migrations", *arguments]
    settings = environment(DATABASE_URL=url, DATABASE_DIRECT_URL=url, **others)
    return subprocess.Popen(
        command, cwd=folder, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )


def with_migrations(folder: Path, *bodies: str) -> Path:
    """Copy the migrations to this folder, and add some after the last: each is given as the body of its upgrade()."""
    shutil.copy(PROJECT / "pyproject.toml", folder)
    shutil.copytree(PROJECT / "migrations", folder / "migrations")
    after = ScriptDirectory.from_config(Config(toml_file=folder / "pyproject.toml")).get_current_head()
    for number, body in enumerate(bodies):
        revision = f"added{number}"
        text = MIGRATION.format(revision=revision, after=after, body=indent(body, "    "))
        (folder / "migrations" / "versions" / f"{revision}.py").write_text(text, encoding="utf-8")
        after = revision
    return folder
