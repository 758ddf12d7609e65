"""python -m dev.lint_migrations: what squawk, a linter of SQL, finds in the migrations that would disturb a rollout.

While a release runs, the revision before it serves on the migrated tables. A migration must not block it for long, and
must not take away what it uses. To let a case pass, name the rule in the migration, and your reason:

    # squawk-ignore ban-drop-column: no revision that serves reads the column
"""

import io
import json
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.environment import EnvironmentContext
from alembic.script import Script, ScriptDirectory

from dev.postgres import PROJECT

SQUAWK = Path(sysconfig.get_path("scripts")) / "squawk"

#: Its exit codes; it has others where it does not run.
NOTHING_FOUND, SOMETHING_FOUND = 0, 1

#: The rules that matter here; https://squawkhq.com/docs/rules describes them. The others are about style, about what
#: migrations/env.py does (time-outs, transactions), or about what disturbs nobody (the order of an enum's members).
RULES = {
    # It blocks readers or writers, while Postgres reads or writes the whole table.
    "adding-field-with-default",
    "adding-foreign-key-constraint",
    "adding-not-nullable-field",
    "adding-serial-primary-key-field",
    "changing-column-type",
    "constraint-missing-not-valid",
    "disallowed-unique-constraint",
    "require-concurrent-index-creation",
    "require-concurrent-index-deletion",
    "require-concurrent-partition-detach",
    "require-concurrent-reindex",
    # The revision that serves may need it as it was.
    "adding-required-field",
    "ban-drop-column",
    "ban-drop-database",
    "ban-drop-default",
    "ban-drop-domain",
    "ban-drop-extension",
    "ban-drop-function",
    "ban-drop-not-null",
    "ban-drop-schema",
    "ban-drop-sequence",
    "ban-drop-table",
    "ban-drop-type",
    "ban-drop-view",
    "ban-set-schema",
    "ban-truncate-cascade",
    "renaming-column",
    "renaming-object",
    "renaming-table",
    # It fails, or means something else than it seems to.
    "ban-char-field",
    "ban-concurrent-index-creation-in-transaction",
    "transaction-nesting",
}

#: What squawk reports in any case: a statement or the name of a rule that it does not know.
MISTAKES = {"syntax-error", "unused-ignore"}

#: What to do about a migration that works with what it reads from the database.
NEEDS_DATABASE = "begin that part of it with: if op.get_context().as_sql: return"

#: A comment that lets cases pass: rules with commas between, and a reason.
IGNORE = re.compile(r"^ *# squawk-ignore (?P<rules>[a-z-]+(?:, *[a-z-]+)*)", re.MULTILINE)

#: The beginning of a statement that makes a table, and of one that changes a table.
CREATE_TABLE = re.compile(r"^CREATE TABLE (?:IF NOT EXISTS )?([^\s;(]+)", re.MULTILINE)
CHANGE_TABLE = re.compile(r"(?:ALTER|DROP) TABLE (?:IF EXISTS )?(?:ONLY )?([^\s;]+)")


def main() -> None:
    config = Config(toml_file=PROJECT / "pyproject.toml")
    directory = ScriptDirectory.from_config(config)
    scripts = reversed(list(directory.walk_revisions()))
    findings = [finding for script in scripts for finding in lint(script, directory, config)]
    if findings:
        print(*findings, sep="\n")
        sys.exit("The README says how to write such a migration, and how to let one pass.")


def lint(script: Script, directory: ScriptDirectory, config: Config) -> Iterator[str]:
    """What squawk finds in this migration, except about tables that it makes itself: nobody uses them yet.

    Raises:
        SystemExit: squawk does not know one of RULES.
    """
    file = Path(script.path).name
    try:
        sql = statements(script, directory, config)
    except Exception as error:
        yield f"{file}: it cannot be read without a database; {NEEDS_DATABASE} ({error!r})"
        return
    lines = sql.splitlines()
    made = set(CREATE_TABLE.findall(sql))
    for violation in violations(sql):
        changed = CHANGE_TABLE.match(lines[beginning(lines, violation["line"])])
        if not (changed and changed[1] in made):
            yield f"{file}: {violation['rule_name']}: {violation['message']}\n    {lines[violation['line']].strip()}"


def statements(script: Script, directory: ScriptDirectory, config: Config) -> str:
    """The SQL of an upgrade, in the transactions in which migrations/env.py runs it, after what squawk shall ignore."""
    sql = io.StringIO()
    for rules in IGNORE.findall(Path(script.path).read_text(encoding="utf-8")):
        sql.write(f"-- squawk-ignore-file {rules}\n")
    with EnvironmentContext(config, directory, as_sql=True) as environment:
        environment.configure(dialect_name="postgresql", literal_binds=True, output_buffer=sql)
        context = environment.get_context()
        with Operations.context(context), context.begin_transaction():
            script.module.upgrade()
    return sql.getvalue()


def violations(sql: str) -> list[dict[str, Any]]:
    command = [str(SQUAWK), "--reporter", "json", "--include", ",".join(sorted(RULES))]
    done = subprocess.run(command, input=sql, capture_output=True, encoding="utf-8")
    if done.returncode not in {NOTHING_FOUND, SOMETHING_FOUND}:
        sys.exit(done.stderr)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return [violation for violation in found if violation["rule_name"] in RULES | MISTAKES]


def beginning(lines: list[str], number: int) -> int:
    """The first line of the statement on this line: Alembic writes an empty line after each."""
    while number and lines[number - 1]:
        number -= 1
    return number


if __name__ == "__main__":
    main()
