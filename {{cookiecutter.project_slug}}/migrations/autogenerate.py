"""How Alembic writes a migration from the models: in SQLAlchemy's own types, and with the members of enums.

A migration must mean the same for ever. So it names what a type is in the database, and imports nothing of the service.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import _repr_type
from alembic.operations import ops
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import ARRAY, CheckConstraint, Connection, Dialect, Enum, MetaData, Table, TypeDecorator, text
from sqlalchemy.dialects.postgresql.base import PGDialect, PGInspector
from sqlalchemy.sql.elements import conv
from sqlalchemy.types import TypeEngine

from app.database.base import CHECK_NAME

Members = tuple[str, ...]

postgres: Callable[..., Dialect] = PGDialect

#: Postgres whatever the driver. With this style of parameters, a percent sign is only a percent sign.
DIALECT = postgres(paramstyle="named")


def render_item(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """What the migration says for a type or a CHECK constraint; False leaves it to Alembic."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return _repr_type(undecorated(item), context)
    if kind == "type" and isinstance(item, Enum) and item.native_enum:
        return f"sa.Enum({', '.join(map(repr, item.enums))}, name={str(item.name)!r}, create_type=False)"
    if kind == "type" and isinstance(item, Enum):
        return f"sa.String(length={item.length})"
    if kind == "check" and item._type_bound:
        return f"sa.CheckConstraint({condition(item)!r}, name=op.f({constraint_name(item)!r}))"
    return False


# An enum as text: Alembic compares only the names of CHECK constraints, and the members stand in their conditions.


def compare_text_enums(
    context: AutogenContext,
    changes: ops.ModifyTableOps,
    schema: str | None,
    name: str,
    stored: Table | None,
    table: Table | None,
) -> PriorityDispatchResult:
    """Replace the CHECK constraint of an enum that has other members than before."""
    if stored is None or table is None:
        return PriorityDispatchResult.CONTINUE
    conditions = {check["name"]: check["sqltext"] for check in context.inspector.get_check_constraints(name, schema)}
    for check in table.constraints:
        if isinstance(check, CheckConstraint) and check._type_bound:
            column, _, members = condition(check).partition(" IN ")
            before, after = literals(conditions.get(constraint_name(check), "")), literals(members)
            if before and set(before) != set(after):
                old = CheckConstraint(f"{column} IN ({', '.join(before)})", name=check.name, table=stored)
                add = ops.CreateCheckConstraintOp.from_constraint(check)
                # All rows have one of these members. So Postgres need not read them, while everyone else waits.
                add.kw |= {"postgresql_not_valid": True} if set(before) < set(after) else {}
                changes.ops += [ops.DropConstraintOp.from_constraint(old), add]
    return PriorityDispatchResult.CONTINUE


def constraint_name(check: CheckConstraint) -> str:
    """Its name in the database. Alembic renders a copy of the table, which does not know the naming convention."""
    parts = {"table_name": check.table.name, "constraint_name": check.name}
    return str(check.name) if isinstance(check.name, conv) else CHECK_NAME % parts


def condition(check: CheckConstraint) -> str:
    options = {"literal_binds": True, "include_table": False}
    return str(check.sqltext.compile(dialect=DIALECT, compile_kwargs=options))


def literals(sql: str) -> list[str]:
    return re.findall(r"'(?:[^']|'')*'", sql)


# An enum as a type of Postgres: Alembic creates the type with a table, but never changes it or drops it.


class EnumColumn(NamedTuple):
    """A column of this type or of an array of it, as Postgres quotes it."""

    table: str
    name: str
    is_array: bool
    #: The expression of its default, or None.
    default: str | None

    def change_type(self, enum: str) -> Iterator[str]:
        """Its values and its default go from the type that had this name to the one that has it now."""
        alter = f"ALTER TABLE {self.table} ALTER {self.name}"
        array = "[]" if self.is_array else ""
        if self.default:
            yield f"{alter} DROP DEFAULT"
        yield f"{alter} TYPE {enum}{array} USING CAST(CAST({self.name} AS text{array}) AS {enum}{array})"
        if self.default:
            yield f"{alter} SET DEFAULT {self.default}"


@dataclass
class ChangeEnum(ops.MigrateOperation):
    """Create, change or drop the type of an enum; where there are no members, there is no type."""

    name: str
    before: Members
    after: Members
    columns: list[EnumColumn]

    def reverse(self) -> "ChangeEnum":
        return ChangeEnum(self.name, self.after, self.before, self.columns)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        return ("change_enum", self.name, self.before, self.after)

    def statements(self) -> Iterator[str]:
        name = DIALECT.identifier_preparer.quote(self.name)
        old = DIALECT.identifier_preparer.quote(f"{self.name}_old")
        if not self.after:
            yield f"DROP TYPE {name}"
        elif not self.before:
            yield f"CREATE TYPE {name} AS ENUM ({quoted(self.after)})"
        elif self.after[: len(self.before)] == self.before:
            for member in self.after[len(self.before) :]:
                yield f"ALTER TYPE {name} ADD VALUE {quoted([member])}"
        else:
            yield f"ALTER TYPE {name} RENAME TO {old}"
            yield f"CREATE TYPE {name} AS ENUM ({quoted(self.after)})"
            for column in self.columns:
                yield from column.change_type(name)
            yield f"DROP TYPE {old}"


def quoted(members: Iterable[str]) -> str:
    return ", ".join("'" + member.replace("'", "''") + "'" for member in members)


@renderers.dispatch_for(ChangeEnum)
def render_enum(context: AutogenContext, change: ChangeEnum) -> list[str]:
    # op.execute() takes a colon for the beginning of a parameter.
    return [f"op.execute({statement.replace(':', chr(92) + ':')!r})" for statement in change.statements()]


def compare_native_enums(
    context: AutogenContext, upgrade: ops.UpgradeOps, schemas: set[str | None]
) -> PriorityDispatchResult:
    """Create types before the tables that use them, and drop types after their tables."""
    assert context.connection is not None
    assert isinstance(context.metadata, MetaData)
    assert isinstance(context.inspector, PGInspector)
    stored = {enum["name"]: tuple(enum["labels"]) for enum in context.inspector.get_enums()}
    wanted = dict(native_enums(context.metadata))
    changes = [
        ChangeEnum(name, stored.get(name, ()), wanted.get(name, ()), columns(context.connection, name))
        for name in sorted(stored.keys() | wanted.keys())
        if stored.get(name) != wanted.get(name)
    ]
    kept = [change for change in changes if change.after]
    dropped = [change for change in changes if not change.after]
    upgrade.ops = [*kept, *upgrade.ops, *dropped]
    return PriorityDispatchResult.CONTINUE


def native_enums(metadata: MetaData) -> Iterator[tuple[str, Members]]:
    for table in metadata.tables.values():
        for column in table.columns:
            kind = undecorated(column.type)
            member = undecorated(kind.item_type) if isinstance(kind, ARRAY) else kind
            if isinstance(member, Enum) and member.native_enum:
                yield str(member.name), tuple(member.enums)


def undecorated(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """What the type is in the database."""
    return kind.type_engine(DIALECT) if isinstance(kind, TypeDecorator) else kind


def columns(connection: Connection, enum: str) -> list[EnumColumn]:
    """The columns that have this type, except those that follow the column of another table."""
    query = text(
        "SELECT attrelid::regclass::text, quote_ident(attname), atttypid = typarray,"
        " CASE attgenerated WHEN '' THEN pg_get_expr(adbin, adrelid) END FROM pg_attribute"
        " JOIN pg_class ON pg_class.oid = attrelid JOIN pg_type ON atttypid IN (pg_type.oid, typarray)"
        " LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
        " WHERE relkind IN ('r', 'p') AND attinhcount = 0 AND NOT attisdropped"
        " AND typname = :enum AND pg_type_is_visible(pg_type.oid) ORDER BY 1, 2"
    )
    return [EnumColumn(*row) for row in connection.execute(query, {"enum": enum})]


plugin = Plugin("service.enums")
plugin.add_autogenerate_comparator(compare_text_enums, "table", "text_enums")
plugin.add_autogenerate_comparator(compare_native_enums, "schema", priority=DispatchPriority.LAST)

#: What is compared: what Alembic compares by default, CHECK constraints by their names, and enums.
PLUGINS = ["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname", "service.enums"]
