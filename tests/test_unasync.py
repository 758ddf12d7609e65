"""The sync text that unasync derives from async text."""

import ast
import io
import subprocess
import sys
import tokenize
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudrun_postgres_template.unasync import unasync

TEMPLATE = Path(__file__).parent.parent
RUFF = [sys.executable, "-m", "ruff"]

#: Parts of a service, and what the tests and benchmarks run inside a service.
PARTS = {
    path.relative_to(TEMPLATE).as_posix(): path.read_text(encoding="utf-8")
    for path in [
        *sorted(TEMPLATE.glob("templates/**/*.py")),
        TEMPLATE / "tests" / "repeat_async.py",
        TEMPLATE / "benchmarks" / "steps_async.py",
    ]
}

each_part = pytest.mark.parametrize("source", PARTS.values(), ids=PARTS)

#: What each rule makes of a line or two.
CODE = {
    "def": ("async def read(): pass", "def read(): pass"),
    "with": ("async with a as b, c(): pass", "with a as b, c(): pass"),
    "for": ("async for row in rows: pass", "for row in rows: pass"),
    "await": ("note = await read()", "note = read()"),
    "await before a bracket": ("note = await(read())", "note = (read())"),
    "await in brackets": ("(await read()).one()", "(read()).one()"),
    "await twice on a line": ("await f(await a, await b)", "f(a, b)"),
    "await at the end of a line": ("x = (await\n     read())", "x = (\n     read())"),
    "await behind letters outside ASCII": ("é = 'ü', await read()", "é = 'ü', read()"),
    "comprehension": ("[await a async for a in b if await c]", "[a for a in b if c]"),
    "name": ("engine: AsyncEngine = create_async_engine(url)", "engine: Engine = create_engine(url)"),
    "part of a dotted name": ("contextlib.AsyncExitStack().aclose()", "contextlib.ExitStack().close()"),
    "method": ("async def __aenter__(self): pass", "def __enter__(self): pass"),
    "name that contains another": ("MyAsyncSession, AsyncSessions", "MyAsyncSession, AsyncSessions"),
    "SQLAlchemy's module": ("sqlalchemy.ext.asyncio.AsyncEngine", "sqlalchemy.Engine"),
    "SQLModel's module": ("sqlmodel.ext.asyncio.session.AsyncSession", "sqlmodel.Session"),
    "module of the service": ("app.sqlalchemy.ext.asyncio", "app.sqlalchemy.ext.asyncio"),
    "Awaitable": ("x: Awaitable[int]", "x: int"),
    "Awaitable of None": ("x: Callable[..., Awaitable[None]]", "x: Callable[..., None]"),
    "Awaitable of a union": ("x: Awaitable[int | None] | str", "x: int | None | str"),
    "Awaitable of brackets": ("x: Awaitable[dict[str, list[int]]]", "x: dict[str, list[int]]"),
    "Awaitable of an Awaitable": ("x: Awaitable[Awaitable[int]]", "x: int"),
    "Awaitable with its module": ("x: collections.abc.Awaitable[int]", "x: int"),
    "Awaitable on several lines": ("x: Awaitable[\n    int\n]", "x: (\n    int\n)"),
    "sync_engine": ("listen(engine.sync_engine.pool)", "listen(engine.pool)"),
    "sync_engine of a call": ("listen(get_engine().sync_engine)", "listen(get_engine())"),
    "asyncio.run": ("asyncio.run(main(1, 2))", "main(1, 2)"),
    "asyncio.run with more arguments": ("asyncio.run(main(), debug=True)", "main()"),
    "asyncio.run of an operation": ("asyncio.run(a or b).c", "(a or b).c"),
    "run of another module": ("anyio.run(main)", "anyio.run(main)"),
    "run_sync": ("print(await connection.run_sync(report))", "print(report(connection))"),
    "run_sync of a dotted name": ("await self.connection.run_sync(a.report)", "a.report(self.connection)"),
    "run_sync with arguments": ("await c.run_sync(f, 1, b=2)", "f(c, 1, b=2)"),
    "run_sync of a lambda": ("await c.run_sync(lambda c, d: c, 1)", "(lambda c, d: c)(c, 1)"),
    "run_sync on several lines": ("await c.run_sync(\n    f,\n    1,\n)", "f(\n    c,\n    1,\n)"),
    "await_": ("sleep = lambda time: await_(wait(time))", "sleep = lambda time: wait(time)"),
    "await_only": ("await_only(a.b(c)[d])", "a.b(c)[d]"),
    "await_ of another rule's case": ("await_(asyncio.sleep(1))", "time.sleep(1)"),
    "definition of await_": ("def await_(x): pass", "def await_(x): pass"),
    "session class": ("AsyncSession(engine, sync_session_class=Own, a=b)", "Own(engine, a=b)"),
    "session class as last": ("AsyncSession(engine, sync_session_class=Own)", "Own(engine)"),
    "session class on its line": (
        "AsyncSession(\n    engine,\n    sync_session_class=Own,\n    a=b,\n)",
        "Own(\n    engine,\n    a=b,\n)",
    ),
    "session without a class": ("AsyncSession(engine, a=b)", "Session(engine, a=b)"),
}

#: A decorator above an async def, and above the def that is made of it.
DECORATORS = {
    "empty": ("@get()", "@get(sync_to_thread=True)"),
    "one argument": ('@post("/")', '@post("/", sync_to_thread=True)'),
    "trailing comma": ('@put("/",)', '@put("/", sync_to_thread=True)'),
    "several lines": (
        '@patch(\n    "/",\n    responses=f(1),  # Why.\n)',
        '@patch(\n    "/",\n    responses=f(1),  # Why.\n    sync_to_thread=True,\n)',
    ),
    "argument on several lines": ("@delete(a={\n    1: 2,\n})", "@delete(a={\n    1: 2,\n}, sync_to_thread=True)"),
    "comment below": ("@get()\n# Why.", "@get(sync_to_thread=True)\n# Why."),
    "method of a router": ("@router.get()", "@router.get()"),
    "no call": ("@get", "@get"),
    "thread chosen already": ("@get(sync_to_thread=False)", "@get(sync_to_thread=False)"),
    "operator": ("a = b @ get(c)", "a = b @ get(c)"),
}

#: Imports with what uses them.
IMPORTS = {
    "merges and sorts": (
        """\
        from sqlmodel import SQLModel, select
        from sqlmodel.ext.asyncio.session import AsyncSession
        """,
        """\
        from sqlmodel import Session, SQLModel, select
        """,
    ),
    "moves a module that has another name": (
        """\
        from sqlalchemy import event
        from sqlalchemy.exc import Error
        from sqlalchemy.ext.asyncio import AsyncEngine
        """,
        """\
        from sqlalchemy import Engine, event
        from sqlalchemy.exc import Error
        """,
    ),
    "sorts constants, classes and functions": (
        "from contextlib import asynccontextmanager, A_CONSTANT, AsyncExitStack, T, closing\n",
        "from contextlib import A_CONSTANT, ExitStack, T, closing, contextmanager\n",
    ),
    "sorts plain imports first": (
        "import b10\nfrom a import c\nimport b9\nimport b9\n",
        "import b9\nimport b10\nfrom a import c\n",
    ),
    "sorts relative imports": (
        "from .b import c\nfrom .a import AsyncSession\nfrom .. import d\nfrom . import e\n",
        "from .. import d\nfrom . import e\nfrom .a import Session\nfrom .b import c\n",
    ),
    "keeps an alias": (
        "from a import AsyncClient as B, a\nimport c as d\n",
        "import c as d\nfrom a import Client as B\nfrom a import a\n",
    ),
    "drops what only async code used": (
        """\
        import asyncio
        from collections.abc import Awaitable, Callable

        asyncio.run(main())
        x: Callable[[], Awaitable[int]]
        """,
        """\
        from collections.abc import Callable

        main()
        x: Callable[[], int]
        """,
    ),
    "drops the blank line of a section": (
        '"""Text."""\n\nimport asyncio\n\nfrom a import b\n\nasyncio.run(b())\n',
        '"""Text."""\n\nfrom a import b\n\nb()\n',
    ),
    "drops blank lines at the start": ("import asyncio\n\n\nasyncio.run(main())\n", "main()\n"),
    "drops in a function": (
        "def f():\n    import asyncio\n\n    asyncio.run(main())\n",
        "def f():\n    main()\n",
    ),
    "leaves no empty body": (
        "if TYPE_CHECKING:\n    from typing import Awaitable\nx: Awaitable[int]\n",
        "if TYPE_CHECKING:\n    pass\nx: int\n",
    ),
    "keeps what was not used before": (
        "import asyncio\nfrom a import await_\n",
        "import asyncio\nfrom a import await_\n",
    ),
    "keeps what is still used": (
        "import asyncio\n\nasyncio.run(main())\nasyncio.Lock()\n",
        "import asyncio\n\nmain()\nasyncio.Lock()\n",
    ),
    "keeps what an f-string uses": (
        'import asyncio\n\nasyncio.run(f"{asyncio}")\n',
        'import asyncio\n\n(f"{asyncio}")\n',
    ),
    "imports time for asyncio.sleep": (
        "import asyncio\nimport math\n\nasync def f():\n    await asyncio.sleep(math.pi)\n",
        "import math\nimport time\n\ndef f():\n    time.sleep(math.pi)\n",
    ),
    "imports time once": (
        "import asyncio\nimport time\n\nasyncio.sleep(time.time())\n",
        "import time\n\ntime.sleep(time.time())\n",
    ),
    "reads parentheses": ("from a import (\n    b,\n    AsyncClient,\n)\n", "from a import Client, b\n"),
    "breaks a long line": (
        f"from a import {'b' * 60}, {'c' * 60}, AsyncClient\n",
        f"from a import (\n    Client,\n    {'b' * 60},\n    {'c' * 60},\n)\n",
    ),
    "breaks no line that must be whole": (
        f"from {'a' * 120} import *\nimport {'b' * 120}\n",
        f"import {'b' * 120}\nfrom {'a' * 120} import *\n",
    ),
    "keeps tabs": ("def f():\n\timport b\n\timport a\n", "def f():\n\timport a\n\timport b\n"),
    "leaves a line that has a comment": (
        "import b  # Why.\nfrom a import (  # Why.\n    AsyncClient,\n)\n",
        "import b  # Why.\nfrom a import (  # Why.\n    Client,\n)\n",
    ),
    "leaves lines that other statements share": ("import b; import a\nif b: import a\n",) * 2,
}

WORDS = [
    "async def",
    "await",
    "AsyncSession",
    "aclose",
    "import asyncio",
    "asyncio.run(main())",
    "Awaitable[int]",
    "engine.sync_engine",
    "c.run_sync(f)",
    "from sqlalchemy.ext.asyncio import AsyncEngine",
    "@get()",
]

#: Code with a string and a comment at the places that the rules touch.
FRAGMENTS = [
    "import asyncio  {comment}",
    "{comment}",
    "{string}",
    "await read({string})  {comment}",
    "async with read({string}):  {comment}\n        {string}",
    "async for row in rows({string}):  {comment}\n        await row",
    "rows = [row async for row in {string} if await row]  {comment}",
    "value: Awaitable[\n        Literal[{string}]  {comment}\n    ]",
    "asyncio.run(\n        {comment}\n        main({string}),  {comment}\n        debug=True,  {comment}\n    )",
    "await asyncio.sleep(1, {string})  {comment}",
    "await_({string})  {comment}",
    "await connection.run_sync(\n        {comment}\n        report,  {comment}\n        {string},\n    )",
    "AsyncSession(\n        engine,  {comment}\n        sync_session_class=Own,  {comment}\n        a={string},\n    )",
    "@get(\n        {string},  {comment}\n    )\n    {comment}\n    async def handler():\n        {string}",
]


def strings() -> st.SearchStrategy[str]:
    text = st.lists(st.sampled_from(WORDS)).map(" ".join)
    plain = st.builds("{}{}{}{}".format, st.sampled_from(["", "r", "b", "f"]), st.just('"'), text, st.just('"'))
    long = st.builds('{}"""{}\n{}"""'.format, st.sampled_from(["", "r", "b", "f"]), text, text)
    nested = text.map(lambda words: f"f\"{words} {{await_('{words}')}} {{{{await}}}}\"")
    return plain | long | nested


def comments() -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(WORDS)).map(lambda words: " ".join(["#", *words]).rstrip())


def sources() -> st.SearchStrategy[str]:
    fragment = st.builds(str.format, st.sampled_from(FRAGMENTS), string=strings(), comment=comments())
    return st.lists(fragment).map(lambda fragments: "\n    ".join(["async def main():", *fragments, "pass\n"]))


def tokens(source: str, *kinds: str) -> list[str]:
    return [
        token.string
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if tokenize.tok_name[token.type] in kinds
    ]


def texts(source: str) -> list[str]:
    """The strings and comments; Python 3.12 has f-strings in pieces."""
    return tokens(source, "STRING", "COMMENT", "FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END")


@pytest.mark.parametrize(("source", "expected"), CODE.values(), ids=CODE)
def test_code_has_the_sync_form(source: str, expected: str) -> None:
    assert unasync(source, "sync") == expected


@pytest.mark.parametrize(("source", "expected"), DECORATORS.values(), ids=DECORATORS)
def test_handler_runs_in_a_thread(source: str, expected: str) -> None:
    handler = "def read(): pass\n"
    assert unasync(f"{source}\nasync {handler}", "sync") == f"{expected}\n{handler}"


@pytest.mark.parametrize("source", [source for source, _ in DECORATORS.values()], ids=DECORATORS)
def test_decorator_above_a_plain_def_stays(source: str) -> None:
    text = f"{source}\ndef read(): pass\n"
    assert unasync(text, "sync") == text


@pytest.mark.parametrize(("source", "expected"), IMPORTS.values(), ids=IMPORTS)
def test_imports_have_the_sync_form(source: str, expected: str) -> None:
    assert unasync(dedent(source), "sync") == dedent(expected)


@pytest.mark.parametrize(
    "text",
    [
        '"async def, await, AsyncSession, asyncio.sleep"',
        "'import asyncio'",
        'r"engine.sync_engine"',
        'b"Awaitable[int]"',
        '"""\nimport asyncio\nawait read()\n"""',
        'f"await {AsyncSession} {{await}}"',
        "f\"{await_('await')!r:>{asyncio.sleep}}\"",
        "f'''{await_(f\"{AsyncSession} {'aclose'}\")}'''",
        'f"""\nasync def {\n    AsyncSession\n}\n"""',
    ],
)
def test_string_stays(text: str) -> None:
    assert unasync(f"await {text}, await_({text!r})\n", "sync") == f"{text}, ({text!r})\n"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="An f-string can hold its own quotes from Python 3.12 on.")
def test_f_string_with_its_own_quotes_stays() -> None:
    text = 'f"{await_(f"{AsyncSession} {"aclose"}")}"'
    assert unasync(f"await {text}\n", "sync") == f"{text}\n"


def test_docstring_stays() -> None:
    docstring = '    """async def, await, AsyncSession.\n\n    asyncio.run(main())\n    """\n'
    assert unasync(f"async def f():\n{docstring}", "sync") == f"def f():\n{docstring}"


@pytest.mark.parametrize("comment", ["# async with AsyncSession", "#: await asyncio.sleep(1)", "# import asyncio"])
def test_comment_stays(comment: str) -> None:
    assert unasync(f"{comment}\nawait f()  {comment}\n", "sync") == f"{comment}\nf()  {comment}\n"


@given(sources())
@settings(derandomize=True, database=None, deadline=None)
def test_no_string_or_comment_changes_in_any_source(source: str) -> None:
    assert texts(unasync(source, "sync")) == texts(source)


@given(sources())
@settings(derandomize=True, database=None, deadline=None)
def test_sync_form_of_any_source_is_its_own(source: str) -> None:
    sync = unasync(source, "sync")
    assert unasync(sync, "sync") == sync


@pytest.mark.parametrize(
    "source", ["await_(asyncio).run(x)\n", "a.run_sync(b.run_sync)\n", "a.sync_engine.run_sync(f)\n"]
)
def test_sync_form_is_its_own_where_one_rule_leads_to_another(source: str) -> None:
    sync = unasync(source, "sync")
    assert unasync(sync, "sync") == sync


@each_part
def test_sync_form_of_a_part_is_its_own(source: str) -> None:
    sync = unasync(source, "sync")
    assert unasync(sync, "sync") == sync


@each_part
def test_no_async_keyword_is_left_in_a_part(source: str) -> None:
    assert not {"async", "await"} & {*tokens(unasync(source, "sync"), "NAME")}


@each_part
def test_sync_form_of_a_part_is_python(source: str) -> None:
    ast.parse(unasync(source, "sync"))


def test_ruff_finds_the_imports_of_all_parts_sorted(tmp_path: Path) -> None:
    for name, source in PARTS.items():
        (tmp_path / name.replace("/", "_")).write_text(unasync(source, "sync"), encoding="utf-8")
    first_party = "lint.isort.known-first-party = ['app', 'dev', 'migrations', 'tests']"
    options = ["--isolated", "--no-cache", "--select=I", "--line-length=120", "--config", first_party]
    run = subprocess.run([*RUFF, "check", *options, tmp_path], check=False, capture_output=True, encoding="utf-8")
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("source", ["async def f(): await g()", "no Python at all"])
def test_async_form_is_the_source(source: str) -> None:
    assert unasync(source, "async") == source


def test_another_flavour_is_refused() -> None:
    with pytest.raises(ValueError, match="not 'trio'"):
        unasync("x = 1\n", "trio")


@pytest.mark.parametrize("source", ["def f(:\n", "x = 'a\n", "x = (\n", "  x\n y\n", "{% if x %}\n", "\0"])
def test_what_is_not_python_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="has no sync form"):
        unasync(source, "sync")


def test_carriage_return_is_refused() -> None:
    with pytest.raises(ValueError, match="carriage return"):
        unasync("x = 1\r\n", "sync")


def test_sync_form_that_is_not_python_is_refused() -> None:
    with pytest.raises(ValueError, match="has no sync form"):
        unasync("await c.run_sync(function=f)\n", "sync")
