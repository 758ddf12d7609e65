"""Alembic on the caller's database: in this process, or in its own process."""

import io
import subprocess
import sys

from alembic.config import CommandLine, Config

from tests.settings import PROJECT, configured, environment


def alembic(url: str, *arguments: str) -> str:
    """Run an Alembic command in this process and return what it prints.

    Raises:
        alembic.util.CommandError: the command failed, or check found a difference.
        sqlalchemy.exc.SQLAlchemyError: the database refused a statement.
    """
    output = io.StringIO()
    command = CommandLine()
    options = command.parser.parse_args(["--raiseerr", *arguments])
    config = Config(toml_file=PROJECT / "pyproject.toml", cmd_opts=options, stdout=output, output_buffer=output)
    with configured(DATABASE_URL=url, DATABASE_DIRECT_URL=url):
        command.run_cmd(config, options)
    return output.getvalue()


def start_alembic(url: str, *arguments: str) -> subprocess.Popen[str]:
    """Start an Alembic command as a process, as the migration job does."""
    command = [sys.executable, "-m", "alembic", *arguments]
    settings = environment(DATABASE_URL=url, DATABASE_DIRECT_URL=url)
    return subprocess.Popen(
        command, cwd=PROJECT, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
