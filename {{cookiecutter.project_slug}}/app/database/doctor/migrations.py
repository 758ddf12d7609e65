"""Which migrations the database lacks. Alembic is asked for its scripts only; none of them runs."""

import tomllib
from collections.abc import Set
from contextlib import suppress
from pathlib import Path


class MigrationsUnknownError(Exception):
    """It cannot be said which migrations are pending; the message says why."""


def pending_revisions(applied: Set[str]) -> list[str]:
    """What an upgrade of a database at these revisions would run, in its order.

    Raises:
        MigrationsUnknownError: there are no migrations, or they do not have these revisions.
    """
    try:
        from alembic.config import Config
        from alembic.script import ScriptDirectory
        from alembic.util import CommandError
    except ImportError:
        raise MigrationsUnknownError("Alembic is not installed.") from None
    try:
        scripts = ScriptDirectory.from_config(Config(toml_file=alembic_file()))
        foreign = applied - {script.revision for script in scripts.walk_revisions()}
        if foreign:
            raise MigrationsUnknownError(
                f"The database is at revision {', '.join(sorted(foreign))}, which this release does not have: "
                "a later release migrated it."
            )
        missing = [*scripts.iterate_revisions("heads", tuple(applied) or None, implicit_base=True)]
    except CommandError as error:
        raise MigrationsUnknownError(f"Alembic cannot read the migrations: {error}") from None
    return [script.revision for script in reversed(missing)]


def alembic_file() -> Path:
    """The pyproject.toml in the nearest folder above this package that has Alembic's settings.

    Raises:
        MigrationsUnknownError: there is none.
    """
    for folder in Path(__file__).resolve().parents:
        file = folder / "pyproject.toml"
        # Farther up, files are other people's.
        with suppress(OSError, ValueError):
            if "alembic" in tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}):
                return file
    raise MigrationsUnknownError("No pyproject.toml above this package has a table [tool.alembic].")
