"""Migrations of a live database: several at once, interrupted ones, and how long they may wait for a table."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any, LiteralString

import psycopg
import pytest

from combinations import DRIVERS, LIVE, SUPPORTED, BakedProject, Combination, each
from conftest import Bake
from environments import environment
from servers import PgBouncer, PostgresServer, minimal_environment, wait_until
from storm import service_environment

#: Each driver on the endpoint that migrations take, and one whose DATABASE_URL leads to a pooler.
CHOSEN = [
    *(next(c for c in LIVE if c.driver == driver and c.endpoint == "direct") for driver in DRIVERS),
    next(c for c in LIVE if c.endpoint == "pooled"),
]

MIGRATION = """\
import sqlalchemy as sa
from alembic import op

revision = {revision!r}
down_revision = {after!r}


def upgrade() -> None:
{body}
"""

CREATE_TABLE = """
op.create_table("crowd", sa.Column("number", sa.BigInteger()))
op.execute("INSERT INTO crowd SELECT generate_series(1, 1000)")
"""

CREATE_INDEX = """
with op.get_context().autocommit_block():
    op.create_index("ix_crowd_number", "crowd", ["number"], postgresql_concurrently=True)
"""

CREATE_INDEX_UNLESS_THERE = CREATE_INDEX.replace("=True)", "=True, if_not_exists=True)")

#: As the README of a service writes it.
CREATE_INDEX_ANEW = """
with op.get_context().autocommit_block():
    op.execute("SET lock_timeout = '5min'")
    op.drop_index("ix_crowd_number", postgresql_concurrently=True, if_exists=True)
    op.create_index("ix_crowd_number", "crowd", ["number"], postgresql_concurrently=True)
"""

ADD_COLUMN_AND_INDEX = f"""
op.add_column("crowd", sa.Column("word", sa.String()))
{CREATE_INDEX_ANEW}
"""

TABLE = "SELECT count(*) FROM crowd"
INDEX = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('ix_crowd_number')"
VERSION = "SELECT version_num FROM alembic_version"
DROP_INDEX = "DROP INDEX CONCURRENTLY ix_crowd_number;"

#: The backends in which an index waits for transactions that are older than it.
BUILDERS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event = 'virtualxid'
"""

CLIENTS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND usename = 'service'
"""


class Upgrade:
    """A process of `python -m migrations upgrade head`, as the job starts it; its output goes to a file."""

    def __init__(self, command: list[str], folder: Path, settings: dict[str, str]) -> None:
        self.log = folder / f"{len(list(folder.glob('*.log')))}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=folder, env=settings, stdout=log, stderr=subprocess.STDOUT)

    def output(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def wait_for_output(self, text: str) -> None:
        assert wait_until(lambda: text in self.output()), self.output()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def must_succeed(self) -> None:
        assert self.process.wait(60) == 0, self.output()

    def must_fail(self, sentence: str) -> None:
        assert self.process.wait(60) == 1, self.output()
        assert sentence in self.output()


@dataclass(frozen=True)
class Migrated:
    """A service with one more migration, which makes the table crowd, and an empty database. A test adds others."""

    project: BakedProject
    folder: Path
    settings: dict[str, str]
    postgres: PostgresServer
    database: str

    def add(self, body: str) -> None:
        """A migration after the last one."""
        versions = self.folder / "migrations" / "versions"
        number = len(list(versions.glob("added*.py")))
        after = f"added{number - 1}" if number else "0001"
        text = MIGRATION.format(revision=f"added{number}", after=after, body=indent(body, "    "))
        (versions / f"added{number}.py").write_text(text, encoding="utf-8")

    def use(self, name: str, models: str) -> None:
        """Write a module of models, in place of what it was, and import it where migrations find all tables."""
        (self.folder / "app" / f"{name}.py").write_text(models, encoding="utf-8")
        tables = self.folder / "app" / "models.py"
        text = tables.read_text(encoding="utf-8")
        if f"import {name}" not in text:
            tables.write_text(
                text.replace("from app.notes", f"from app import {name}\nfrom app.notes", 1), encoding="utf-8"
            )

    def start(self, *options: str) -> Upgrade:
        """Start an upgrade."""
        command = [str(environment(self.project)), "-m", "migrations", *options, "upgrade", "head"]
        return Upgrade(command, self.folder, self.settings)

    def must(self, *arguments: str) -> None:
        """Run another command of Alembic, without a warning."""
        command = [str(environment(self.project)), "-W", "error", "-m", "alembic", *arguments]
        done = subprocess.run(command, cwd=self.folder, env=self.settings, capture_output=True, encoding="utf-8")
        assert done.returncode == 0, done.stdout + done.stderr

    def ask(self, query: LiteralString) -> list[Any]:
        """The first column."""
        return [row[0] for row in self.postgres.execute(query, database=self.database)]

    def builder(self) -> int:
        """The backend that builds an index, once it waits for another's transaction."""
        assert wait_until(lambda: bool(self.ask(BUILDERS)))
        [pid] = self.ask(BUILDERS)
        return int(pid)

    def snapshot(self) -> psycopg.Connection:
        """A transaction of another client; an index that is built CONCURRENTLY waits until it has ended."""
        connection = self.postgres.connected(self.database)
        connection.autocommit = False
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("SELECT")
        return connection


@pytest.fixture
def migrated(
    bake: Bake,
    combination: Combination,
    postgres: PostgresServer,
    pgbouncer: PgBouncer,
    database: str,
    tmp_path: Path,
) -> Migrated:
    project = bake(combination)
    for name in ("app", "migrations"):
        shutil.copytree(project.path / name, tmp_path / name)
    shutil.copy(project.path / "pyproject.toml", tmp_path)
    direct, pooled = postgres.direct_url(database), pgbouncer.pooled_url(database)
    settings = service_environment(direct if combination.endpoint == "direct" else pooled, direct)
    migrated = Migrated(project, tmp_path, settings, postgres, database)
    migrated.add(CREATE_TABLE)
    return migrated


@each(CHOSEN)
def test_three_upgrades_at_once_build_an_index_beside_a_transaction(migrated: Migrated) -> None:
    migrated.add(CREATE_INDEX)
    with migrated.snapshot() as other:
        upgrades = [migrated.start("-x", "lock_timeout=1min") for _ in range(3)]
        migrated.builder()
        assert wait_until(lambda: len(migrated.ask(CLIENTS)) == 3)
        other.commit()
        for upgrade in upgrades:
            upgrade.must_succeed()
    assert migrated.ask(INDEX) == [True]
    assert migrated.ask(TABLE) == [1000]
    assert migrated.ask(VERSION) == ["added1"]


@each(CHOSEN)
def test_upgrade_after_a_killed_one_waits_for_what_that_left_running(migrated: Migrated) -> None:
    migrated.add(CREATE_INDEX_ANEW)
    with migrated.snapshot() as other:
        killed = migrated.start("-x", "lock_timeout=1min")
        builder = migrated.builder()
        killed.kill()
        second = migrated.start()
        second.wait_for_output("Another upgrade is running")
        assert migrated.builder() == builder
        other.commit()
        second.must_succeed()
    assert migrated.ask(INDEX) == [True]
    assert migrated.ask(VERSION) == ["added1"]


@each(CHOSEN)
def test_upgrade_that_waits_too_long_for_another_says_which(migrated: Migrated) -> None:
    migrated.add(CREATE_INDEX)
    with migrated.snapshot() as other:
        first = migrated.start("-x", "lock_timeout=1min")
        builder = migrated.builder()
        migrated.start("-x", "wait=0.5").must_fail(f"SELECT pg_terminate_backend({builder})")
        other.commit()
        first.must_succeed()


def interrupt(migrated: Migrated) -> None:
    """Kill an upgrade while it builds an index, and end its backend."""
    with migrated.snapshot():
        killed = migrated.start("-x", "lock_timeout=1min")
        builder = migrated.builder()
        killed.kill()
        migrated.postgres.execute("SELECT pg_terminate_backend(%s, 60000)", [builder])
    assert migrated.ask(INDEX) == [False]
    assert migrated.ask(VERSION) == ["added0"]


@each(CHOSEN)
def test_interrupted_index_is_built_anew(migrated: Migrated) -> None:
    migrated.add(CREATE_INDEX_ANEW)
    interrupt(migrated)
    migrated.start().must_succeed()
    assert migrated.ask(INDEX) == [True]
    assert migrated.ask(VERSION) == ["added1"]


@each(CHOSEN)
@pytest.mark.parametrize("body", [CREATE_INDEX, CREATE_INDEX_UNLESS_THERE], ids=["create", "create unless there"])
def test_interrupted_index_is_refused_with_its_remedy(migrated: Migrated, body: str) -> None:
    migrated.add(body)
    interrupt(migrated)
    migrated.start().must_fail(f"added1.py was interrupted and has left an invalid index: run {DROP_INDEX}")
    assert migrated.ask(VERSION) == ["added0"]
    migrated.postgres.execute(DROP_INDEX, database=migrated.database)
    migrated.start().must_succeed()
    assert migrated.ask(INDEX) == [True]
    assert migrated.ask(VERSION) == ["added1"]


@each(CHOSEN[:1])
def test_invalid_index_of_somebody_else_stops_no_migration(migrated: Migrated) -> None:
    migrated.add(CREATE_INDEX)
    migrated.postgres.execute("CREATE TABLE twice AS VALUES (1), (1)", database=migrated.database)
    with pytest.raises(psycopg.errors.UniqueViolation):
        migrated.postgres.execute("CREATE UNIQUE INDEX CONCURRENTLY ON twice (column1)", database=migrated.database)
    migrated.start().must_succeed()
    assert migrated.ask(VERSION) == ["added1"]


@each(CHOSEN)
def test_part_of_an_interrupted_migration_is_refused_with_what_to_do(migrated: Migrated) -> None:
    migrated.add(ADD_COLUMN_AND_INDEX)
    interrupt(migrated)
    migrated.postgres.execute(DROP_INDEX, database=migrated.database)
    migrated.start().must_fail("If an earlier run of added1.py was interrupted, the database has a part of it: undo")
    migrated.postgres.execute("ALTER TABLE crowd DROP word", database=migrated.database)
    migrated.start().must_succeed()
    assert migrated.ask(INDEX) == [True]
    assert migrated.ask(VERSION) == ["added1"]


@each(CHOSEN)
def test_lock_timeout_holds_in_each_migration_and_around_each_block(migrated: Migrated) -> None:
    look = "op.execute(\"INSERT INTO seen VALUES (current_setting('lock_timeout'))\")"
    in_a_block = f"with op.get_context().autocommit_block():\n    {look}"
    migrated.add(f"op.execute('CREATE TABLE seen (lock_timeout text)')\n{look}")
    migrated.add(f"{look}\n{in_a_block}\n{look}")
    migrated.add("op.execute(\"SET lock_timeout = '1h'\")")
    migrated.add(look)
    migrated.start("-x", "lock_timeout=4321ms").must_succeed()
    assert migrated.ask("SELECT lock_timeout FROM seen") == ["4321ms"] * 5


@each(CHOSEN)
def test_statement_in_a_block_gives_up_on_a_table_in_use(migrated: Migrated) -> None:
    migrated.start().must_succeed()
    migrated.add(CREATE_INDEX)
    with migrated.postgres.locked(migrated.database, "crowd"):
        migrated.start("-x", "lock_timeout=100ms").must_fail("due to lock timeout")
    migrated.start().must_succeed()


@each(CHOSEN)
def test_migration_may_take_longer_than_a_session(migrated: Migrated) -> None:
    migrated.add("op.execute('SELECT pg_sleep(2)')")
    migrated.settings["DATABASE_DEADLINE"] = "1"
    migrated.start().must_succeed()


@each(CHOSEN[:1])
def test_migrations_before_one_that_fails_are_kept(migrated: Migrated) -> None:
    migrated.add("op.execute('CREATE TABLE kept ()')")
    migrated.add("op.execute('CREATE TABLE lost ()')\nop.execute('SELECT 1 / 0')")
    migrated.start().must_fail("division by zero")
    assert migrated.ask(VERSION) == ["added1"]
    assert migrated.ask("SELECT to_regclass('kept') IS NOT NULL AND to_regclass('lost') IS NULL") == [True]


MODELS = """\
from enum import Enum

import sqlalchemy as sa
from sqlmodel import Field

from app.database.base import IdentityKey


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Smell(Enum):
    SWEET = "sweet"
    SOUR = "sour"


class House(IdentityKey, table=True):
    name: str


class Garden(IdentityKey, table=True):
    colour: Colour
"""

HOUSE_COLUMNS = """
    colour: Colour = Field(default=Colour.RED, sa_column_kwargs={"server_default": "RED"})
    smells: list[Smell] | None = Field(sa_type=sa.ARRAY(sa.Enum(Smell)), nullable=True)
"""

#: What the owner changes in the models before each of the next migrations: lines, and what stands there then.
CHANGES = {
    "two tables share an enum and a column is an array": {"    name: str\n": f"    name: str\n{HOUSE_COLUMNS}"},
    "the enums have another member": {
        "    BLUE": "    PINK = 'pink'\n    BLUE",
        '    SOUR = "sour"\n': '    SOUR = "sour"\n    SALTY = "salty"\n',
    },
    "the enums lack a member": {'    BLUE = "blue"\n': "", '    SOUR = "sour"\n': ""},
    "one table has an enum": {HOUSE_COLUMNS: ""},
    "no table has an enum": {"    colour: Colour\n": "    name: str\n"},
}

ENUMS = """
    SELECT typname || ': ' || string_agg(enumlabel, ' ' ORDER BY enumsortorder)
    FROM pg_type JOIN pg_enum ON enumtypid = pg_type.oid GROUP BY typname ORDER BY 1
"""


@each([combination for combination in CHOSEN if combination.driver == "asyncpg"])
def test_generated_downgrade_leaves_the_types_of_enums_as_they_were(migrated: Migrated) -> None:
    migrated.start().must_succeed()
    found = [migrated.ask(ENUMS)]
    models = MODELS
    for name, changes in {"there are tables": {}, **CHANGES}.items():
        for before, after in changes.items():
            assert before in models
            models = models.replace(before, after)
        migrated.use("houses", models)
        migrated.must("revision", "--autogenerate", "-m", name)
        migrated.start().must_succeed()
        migrated.postgres.execute("INSERT INTO house (name) VALUES ('Home')", database=migrated.database)
        found.append(migrated.ask(ENUMS))
    assert found == [
        [],
        ["colour: RED BLUE"],
        ["colour: RED BLUE", "smell: SWEET SOUR"],
        ["colour: RED PINK BLUE", "smell: SWEET SOUR SALTY"],
        ["colour: RED PINK", "smell: SWEET SALTY"],
        ["colour: RED PINK"],
        [],
    ]
    for expected in reversed(found[:-1]):
        migrated.must("downgrade", "-1")
        assert migrated.ask(ENUMS) == expected
    migrated.start().must_succeed()
    migrated.must("check")


TEXT_ENUM = """\
from enum import Enum

from sqlmodel import Field

from app.database.base import IdentityKey, text_enum


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class House(IdentityKey, table=True):
    colour: Colour = Field(sa_type=text_enum(Colour))
"""


@each(CHOSEN[:1])
def test_member_of_a_text_enum_is_added_without_a_lock_for_long(migrated: Migrated) -> None:
    migrated.start().must_succeed()
    migrated.use("houses", TEXT_ENUM)
    migrated.must("revision", "--autogenerate", "-m", "add houses")
    migrated.use("houses", TEXT_ENUM.replace("    BLUE", "    PINK = 'pink'\n    BLUE"))
    migrated.start().must_succeed()
    migrated.must("revision", "--autogenerate", "-m", "add a colour")
    migrated.start().must_succeed()
    definition = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'ck_house_colour'"
    [check] = migrated.ask(definition)
    assert "pink" in check
    assert check.endswith("NOT VALID")
    migrated.must("check")
    migrated.must("downgrade", "-1")
    [check] = migrated.ask(definition)
    assert "pink" not in check
    assert not check.endswith("NOT VALID")


#: A statement for each rule of the linter.
FAULTY = {
    "adding-field-with-default": "ALTER TABLE note ADD key uuid DEFAULT gen_random_uuid()",
    "adding-foreign-key-constraint": "ALTER TABLE note ADD CONSTRAINT fk FOREIGN KEY (id) REFERENCES other (id)",
    "adding-not-nullable-field": "ALTER TABLE note ALTER COLUMN body SET NOT NULL",
    "adding-required-field": "ALTER TABLE note ADD COLUMN word text NOT NULL",
    "adding-serial-primary-key-field": "ALTER TABLE note ADD PRIMARY KEY (id)",
    "ban-char-field": "ALTER TABLE note ADD COLUMN word char(3)",
    "ban-concurrent-index-creation-in-transaction": "CREATE INDEX CONCURRENTLY ix ON note (body)",
    "ban-drop-column": "ALTER TABLE note DROP COLUMN body",
    "ban-drop-database": "DROP DATABASE service",
    "ban-drop-default": "ALTER TABLE note ALTER COLUMN body DROP DEFAULT",
    "ban-drop-domain": "DROP DOMAIN word",
    "ban-drop-extension": "DROP EXTENSION citext",
    "ban-drop-function": "DROP FUNCTION word",
    "ban-drop-not-null": "ALTER TABLE note ALTER COLUMN body DROP NOT NULL",
    "ban-drop-schema": "DROP SCHEMA words",
    "ban-drop-sequence": "DROP SEQUENCE words",
    "ban-drop-table": "DROP TABLE note",
    "ban-drop-type": "DROP TYPE word",
    "ban-drop-view": "DROP VIEW words",
    "ban-set-schema": "ALTER TABLE note SET SCHEMA words",
    "ban-truncate-cascade": "TRUNCATE note CASCADE",
    "changing-column-type": "ALTER TABLE note ALTER COLUMN body TYPE varchar(10)",
    "constraint-missing-not-valid": "ALTER TABLE note ADD CONSTRAINT ck CHECK (body <> title)",
    "disallowed-unique-constraint": "ALTER TABLE note ADD CONSTRAINT uq UNIQUE (body)",
    "renaming-column": "ALTER TABLE note RENAME COLUMN body TO text",
    "renaming-object": "ALTER TYPE word RENAME TO name",
    "renaming-table": "ALTER TABLE note RENAME TO letter",
    "require-concurrent-index-creation": "CREATE INDEX ix ON note (body)",
    "require-concurrent-index-deletion": "DROP INDEX ix",
    "require-concurrent-partition-detach": "ALTER TABLE note DETACH PARTITION note_2026",
    "require-concurrent-reindex": "REINDEX TABLE note",
    "syntax-error": "ALTER TABLE note ADD COLUMN",
    "transaction-nesting": "BEGIN",
    "unused-ignore": "-- squawk-ignore no-rule\nSELECT",
}

#: How a migration does the same without disturbing anyone, and tables that are new.
SAFE = [
    "op.add_column('note', sa.Column('word', sa.String(20)))",
    "op.add_column('note', sa.Column('word', sa.String(20), server_default='', nullable=False))",
    "op.create_check_constraint('ck', 'note', 'body <> title', postgresql_not_valid=True)",
    "op.create_foreign_key('fk', 'note', 'other', ['id'], ['id'], postgresql_not_valid=True)",
    "op.execute('ALTER TABLE note VALIDATE CONSTRAINT ck')",
    "op.execute('ALTER TABLE note ADD CONSTRAINT uq UNIQUE USING INDEX uq')",
    "op.execute('UPDATE note SET body = 1')",
    CREATE_INDEX,
    CREATE_INDEX_ANEW,
    """
op.create_table("word", sa.Column("id", sa.Integer()), sa.ForeignKeyConstraint(["id"], ["note.id"]))
op.create_index("ix", "word", ["id"])
op.create_unique_constraint("uq", "word", ["id"])
op.create_check_constraint("ck", "word", "id > 0")
op.create_foreign_key("fk", "word", "note", ["id"], ["id"])
op.add_column("word", sa.Column("number", sa.Integer(), nullable=False))
op.alter_column("word", "number", nullable=True, type_=sa.String(3), new_column_name="letter")
op.drop_column("word", "letter")
""",
]


@dataclass(frozen=True)
class Linted:
    """A service that has no database; a test adds migrations, each after the first."""

    python: Path
    folder: Path

    def add(self, name: str, body: str, head: str = "") -> None:
        text = MIGRATION.format(revision=name, after="0001", body=indent(body, "    "))
        (self.folder / "migrations" / "versions" / f"{name}.py").write_text(head + text, encoding="utf-8")

    def findings(self) -> list[str]:
        """The lines of the linter that say what it found."""
        command = [str(self.python), "-m", "dev.lint_migrations"]
        done = subprocess.run(
            command, cwd=self.folder, env=minimal_environment(), capture_output=True, encoding="utf-8"
        )
        assert done.returncode == (1 if done.stdout else 0), done.stderr
        return [line for line in done.stdout.splitlines() if not line.startswith("    ")]


@pytest.fixture
def linted(bake: Bake, tmp_path: Path) -> Linted:
    project = bake(SUPPORTED[0])
    for name in ("dev", "migrations"):
        shutil.copytree(project.path / name, tmp_path / name)
    shutil.copy(project.path / "pyproject.toml", tmp_path)
    return Linted(environment(project), tmp_path)


def test_linter_finds_what_each_of_its_rules_is_about(linted: Linted) -> None:
    for rule, statement in FAULTY.items():
        linted.add(rule.replace("-", "_"), f"op.execute({statement!r})")
    findings = linted.findings()
    for rule in FAULTY:
        assert any(line.startswith(f"{rule.replace('-', '_')}.py: {rule}: ") for line in findings), rule
    source = (linted.folder / "dev" / "lint_migrations.py").read_text(encoding="utf-8")
    assert set(re.findall(r'^    "([a-z-]+)",$', source, re.MULTILINE)) <= FAULTY.keys()


def test_linter_finds_nothing_in_safe_migrations(linted: Linted) -> None:
    for number, body in enumerate(SAFE):
        linted.add(f"safe{number}", body)
    assert not linted.findings()


def test_linter_lets_a_case_pass_that_the_migration_names(linted: Linted) -> None:
    statements = "op.drop_column('note', 'body')\nop.drop_table('note')"
    linted.add("whole", statements, "# squawk-ignore ban-drop-column, ban-drop-table: nobody reads them\n")
    linted.add("statement", "op.execute('-- squawk-ignore ban-drop-column\\nALTER TABLE note DROP COLUMN body')")
    linted.add("one", statements, "# squawk-ignore ban-drop-column: nobody reads it\n")
    assert [line.partition(": D")[0] for line in linted.findings()] == ["one.py: ban-drop-table"]


def test_linter_says_how_a_migration_goes_on_that_reads_the_database(linted: Linted) -> None:
    read = "for row in op.get_bind().execute(sa.text('SELECT')):\n    op.drop_column('note', 'body')"
    linted.add("reads", read)
    [line] = linted.findings()
    assert line.startswith("reads.py: it cannot be read without a database; begin that part of it with: if op.")
    linted.add("reads", f"if op.get_context().as_sql:\n    return\n{read}")
    assert not linted.findings()
