"""Leave the imports of a derived source as isort does, without those that only the original used."""

import ast
import io
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

LINE_LENGTH = 120

ImportStatement = ast.Import | ast.ImportFrom


class Import(NamedTuple):
    #: Empty for a plain import; starts with a dot for each level of a relative one.
    module: str
    name: str
    alias: str | None = None

    @property
    def bound_name(self) -> str:
        """The name that the import makes known."""
        return self.alias or (self.name if self.module else self.name.split(".")[0])

    @property
    def has_own_line(self) -> bool:
        return not self.module or self.alias is not None or self.name == "*"


def with_tidy_imports(source: str, used_before: set[str]) -> str:
    """Drop the imports that only async code used, and leave the others as isort does."""
    tree = ast.parse(source)
    used = used_names(tree)
    lines = list(io.StringIO(source))
    for block in reversed(import_blocks(tree, lines)):
        imports = {name for statement in block for name in imported(statement)}
        if Import("", "asyncio") in imports and "time" in used - used_before:
            imports.add(Import("", "time"))
        kept = {name for name in imports if name.bound_name in used or name.bound_name not in used_before}
        indent = lines[block[0].lineno - 1][: block[0].col_offset]
        written = import_lines(kept, indent) or [f"{indent}pass\n"] * is_whole_body(block, tree)
        replace_lines(lines, block[0].lineno - 1, last_line(block[-1]), written)
    return "".join(lines)


def used_names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def import_blocks(tree: ast.AST, lines: list[str]) -> list[list[ImportStatement]]:
    """Find the imports on neighbouring lines, as one block each."""
    statements = [node for node in ast.walk(tree) if isinstance(node, ImportStatement) and is_alone(node, lines)]
    blocks: list[list[ImportStatement]] = []
    for statement in sorted(statements, key=lambda statement: statement.lineno):
        if blocks and last_line(blocks[-1][-1]) + 1 == statement.lineno:
            blocks[-1].append(statement)
        else:
            blocks.append([statement])
    return blocks


def is_alone(statement: ImportStatement, lines: list[str]) -> bool:
    """Whether neither a comment nor another statement shares its lines."""
    text = "".join(lines[statement.lineno - 1 : last_line(statement)])
    return text.lstrip().startswith(("import ", "from ")) and not {"#", ";"} & {*text}


def last_line(statement: ast.stmt) -> int:
    return statement.end_lineno or statement.lineno


def is_whole_body(block: list[ImportStatement], tree: ast.AST) -> bool:
    fields = ("body", "orelse", "finalbody")
    return any(getattr(node, field, None) == block for node in ast.walk(tree) for field in fields)


def imported(statement: ImportStatement) -> Iterator[Import]:
    module = "." * statement.level + (statement.module or "") if isinstance(statement, ast.ImportFrom) else ""
    for alias in statement.names:
        yield Import(module, alias.name, alias.asname)


def import_lines(imports: Iterable[Import], indent: str) -> list[str]:
    members: dict[Import | str, list[Import]] = {}
    for name in sorted(imports, key=member_order):
        members.setdefault(name if name.has_own_line else name.module, []).append(name)
    ordered = sorted(members.values(), key=lambda names: (module_order(names[0].module), member_order(names[0])))
    return [import_line(names, indent) for names in ordered]


def import_line(names: list[Import], indent: str) -> str:
    members = [f"{name.name} as {name.alias}" if name.alias else name.name for name in names]
    start = f"{indent}from {names[0].module} import" if names[0].module else f"{indent}import"
    line = f"{start} {', '.join(members)}"
    if len(line) <= LINE_LENGTH or not names[0].module or members == ["*"]:
        return f"{line}\n"
    return "".join([f"{start} (\n", *(f"{indent}    {member},\n" for member in members), f"{indent})\n"])


def member_order(name: Import) -> tuple[object, ...]:
    """Put constants before classes, and classes before the others; plain imports are of one kind."""
    is_constant = len(name.name) > 1 and name.name.isupper()
    is_class = name.name[0].isupper()
    kind = 0 if not name.module or is_constant else 1 if is_class else 2
    return (
        name.name != "*",
        kind,
        natural_order(name.name.lower()),
        natural_order(name.name),
        natural_order(name.alias or ""),
    )


def module_order(module: str) -> tuple[object, ...]:
    """Put plain imports before those from modules, and the farthest relative one before the nearest."""
    name = module.lstrip(".")
    level = len(module) - len(name)
    return module != "", module != "__future__", -level, natural_order(name.lower()), natural_order(name)


def natural_order(text: str) -> list[tuple[str, int]]:
    """Compare digits as numbers, other characters as they are."""
    return [("0", int(part)) if part.isdecimal() else (part, 0) for part in re.findall(r"\d+|\D", text)]


def replace_lines(lines: list[str], start: int, end: int, written: list[str]) -> None:
    """Write these lines in place of others; where none are left, their blank line goes too."""
    lines[start:end] = written
    above = lines[start - 1].strip() if start else ""
    if not written and (not above or above.endswith(":")):
        while lines[start : start + 1] == ["\n"]:
            del lines[start]
            if start:
                return
