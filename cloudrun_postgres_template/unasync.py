"""Derive sync Python from async Python by rules for tokens; strings and comments stay as they are."""

import ast
import io
import keyword
import re
import tokenize
from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise
from typing import NamedTuple

from cloudrun_postgres_template.imports import used_names, with_tidy_imports

#: Names, also as parts of a dotted name.
NAMES = {
    "AbstractAsyncContextManager": "AbstractContextManager",
    "AsyncClient": "Client",
    "AsyncConnection": "Connection",
    "AsyncEngine": "Engine",
    "AsyncExitStack": "ExitStack",
    "AsyncGenerator": "Generator",
    "AsyncIterable": "Iterable",
    "AsyncIterator": "Iterator",
    "AsyncSession": "Session",
    "AsyncTestClient": "TestClient",
    "StopAsyncIteration": "StopIteration",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "aclose": "close",
    "asynccontextmanager": "contextmanager",
    "create_async_engine": "create_engine",
    "stream_scalars": "scalars",
}

#: Dotted names, also where more parts follow.
DOTTED_NAMES = {
    "asyncio.sleep": "time.sleep",
    "sqlalchemy.ext.asyncio": "sqlalchemy",
    "sqlmodel.ext.asyncio.session": "sqlmodel",
}

#: The part of a dotted name that sync code does not have.
SYNC_ENGINE = "sync_engine"

#: What goes from around an expression, and its bracket.
WRAPPERS = {
    "Awaitable": "[",
    "collections.abc.Awaitable": "[",
    "typing.Awaitable": "[",
    "asyncio.run": "(",
    "await_": "(",
    "await_only": "(",
    "sqlalchemy.util.await_": "(",
    "sqlalchemy.util.await_only": "(",
}

#: Litestar runs a sync handler in a thread only where its decorator says so.
HANDLER_DECORATORS = {"get", "post", "put", "patch", "delete"}
IN_THREAD = "sync_to_thread=True"


class Token(NamedTuple):
    #: What stands before it on its line, indentation too.
    space: str
    text: str


def unasync(source: str, flavour: str) -> str:
    """Return the source as it is for "async", and its sync form for "sync".

    Raises:
        ValueError: the flavour is another one; or the source or its sync form is not Python, with line feeds only.
    """
    if flavour == "async":
        return source
    if flavour != "sync":
        raise ValueError(f"The flavour is async or sync, not {flavour!r}.")
    if "\r" in source:
        raise ValueError("A line of the source ends with a carriage return.")
    try:
        used_before = {renamed(name) for name in used_names(ast.parse(source))}
        return with_tidy_imports(with_sync_code(source), used_before)
    except (SyntaxError, tokenize.TokenError) as error:
        raise ValueError(f"The source has no sync form: {error}") from error


# Tokens


def with_sync_code(source: str) -> str:
    """Apply each rule from the last token to the first, so that it meets inner expressions before outer ones."""
    tokens = with_dotted_names(read_tokens(source))
    for rule in (run_in_thread, drop_keyword, choose_session, call_directly, unwrap, rename):
        for index in reversed(range(len(tokens))):
            rule(tokens, index)
    result = text_of(tokens)
    # What the rules leave may itself be a case for a rule.
    return result if result == source else with_sync_code(result)


def read_tokens(source: str) -> Iterator[Token]:
    position = 0
    for start, end in token_places(source):
        yield Token(source[position:start], source[start:end])
        position = end
    yield Token(source[position:], "")


def token_places(source: str) -> Iterator[tuple[int, int]]:
    """Yield where each token starts and ends. A string is one token, also where Python 3.12 splits an f-string."""
    line_starts = [0, *accumulate(map(len, io.StringIO(source)))]
    string_starts: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[token.type]
        start, end = (line_starts[line - 1] + column for line, column in (token.start, token.end))
        if kind in {"FSTRING_START", "TSTRING_START"}:
            string_starts.append(start)
        elif kind in {"FSTRING_END", "TSTRING_END"}:
            start = string_starts.pop()
        if not string_starts and kind not in {"INDENT", "DEDENT", "ENDMARKER"}:
            yield start, end


def with_dotted_names(tokens: Iterable[Token]) -> list[Token]:
    """Make one token of each dotted name. One that follows an expression starts with its dot."""
    result = [Token("", "")]
    for token in tokens:
        before = result[-1].text
        continues = before.endswith(".") if is_name(token.text) else token.text == "." and is_name(before)
        if continues and not token.space:
            result[-1] = Token(result[-1].space, before + token.text)
        else:
            result.append(token)
    return result


def text_of(tokens: Iterable[Token]) -> str:
    return "".join(token.space + token.text for token in tokens)


def is_name(text: str) -> bool:
    """Whether the text is a name, a dotted name or a constant."""
    return re.fullmatch(r"[\w.]*\w", text) is not None and not (keyword.iskeyword(text) and text.islower())


def is_layout(token: Token) -> bool:
    return not token.text.strip() or token.text.startswith("#")


def is_tight(tokens: list[Token], operators: str) -> bool:
    """Whether only names, brackets and these operators stand in the expression outside of its brackets."""
    depth = 0
    for token in tokens:
        depth -= token.text in {")", "]", "}"}
        if depth == 0 and not (is_name(token.text) or token.text in {*"()[]{}", *operators}):
            return False
        depth += token.text in {"(", "[", "{"}
    return True


def in_parentheses(tokens: list[Token]) -> list[Token]:
    return [Token("", "("), *tokens, Token("", ")")]


def separators(tokens: list[Token], opening: int) -> list[int]:
    """Find an opening bracket, the commas between its arguments, and its closing bracket."""
    found = [opening]
    inside: list[str] = []
    for index in range(opening, len(tokens)):
        text = tokens[index].text
        if text in {"(", "[", "{", "lambda"}:
            inside.append(text)
        elif text in {")", "]", "}"} or (text == ":" and inside[-1] == "lambda"):
            inside.pop()
        if not inside:
            return [*found, index]
        if text == "," and len(inside) == 1:
            found.append(index)
    raise SyntaxError("A bracket is not closed.")


def trimmed(tokens: list[Token], start: int, end: int) -> tuple[int, int]:
    """Leave out line breaks and comments at both ends."""
    while start < end and is_layout(tokens[start]):
        start += 1
    while start < end and is_layout(tokens[end - 1]):
        end -= 1
    return start, end


def drop(tokens: list[Token], start: int, end: int) -> None:
    """Remove tokens; the one after them moves to their place."""
    tokens[end] = Token(tokens[start].space, tokens[end].text)
    del tokens[start:end]


# Rules for code: each changes the tokens at and after the index where they are a case for it.


def run_in_thread(tokens: list[Token], index: int) -> None:
    """@get("/") above an async def becomes @get("/", sync_to_thread=True)."""
    if tokens[index].text != "@" or not is_layout(tokens[index - 1]):
        return
    if tokens[index + 1].text not in HANDLER_DECORATORS or tokens[index + 2].text != "(":
        return
    closing = separators(tokens, index + 2)[-1]
    below = next(token.text for token in tokens[closing + 1 :] if not is_layout(token))
    if below == "async" and "sync_to_thread" not in {token.text for token in tokens[index:closing]}:
        add_argument(tokens, index + 2, closing)


def add_argument(tokens: list[Token], opening: int, closing: int) -> None:
    """Write the argument before the closing bracket, on a line of its own where the bracket has one."""
    _, end = trimmed(tokens, opening, closing)
    if tokens[end - 1].text not in {"(", ","}:
        tokens[end:end] = [Token("", ","), Token(" ", IN_THREAD)]
    elif end == closing:
        tokens[end:end] = [Token("" if tokens[end - 1].text == "(" else " ", IN_THREAD)]
    else:
        tokens[closing:closing] = [Token(f"{tokens[closing].space}    ", f"{IN_THREAD},"), Token("", "\n")]


def drop_keyword(tokens: list[Token], index: int) -> None:
    """await read() becomes read(), async with becomes with."""
    if tokens[index].text in {"async", "await"}:
        drop(tokens, index, index + 1)


def choose_session(tokens: list[Token], index: int) -> None:
    """AsyncSession(engine, sync_session_class=OwnSession) becomes OwnSession(engine)."""
    if tokens[index].text != "AsyncSession" or tokens[index + 1].text != "(":
        return
    for before, after in pairwise(separators(tokens, index + 1)):
        start, end = trimmed(tokens, before + 1, after)
        if [token.text for token in tokens[start : start + 2]] == ["sync_session_class", "="]:
            tokens[index] = Token(tokens[index].space, text_of(tokens[start + 2 : end]).strip())
            drop_argument(tokens, before, after)
            return


def drop_argument(tokens: list[Token], before: int, after: int) -> None:
    """Remove the argument between these separators, with one comma, and with its line where it has one."""
    start, end = trimmed(tokens, before + 1, after)
    if tokens[after].text != ",":
        del tokens[start:end]
        del tokens[before : before + (tokens[before].text == ",")]
    elif tokens[after + 1].text == "\n":
        del tokens[start : after + 2]
    else:
        drop(tokens, start, after + 1)


def call_directly(tokens: list[Token], index: int) -> None:
    """connection.run_sync(report, 1) becomes report(connection, 1)."""
    owner, _, method = tokens[index].text.rpartition(".")
    if method != "run_sync" or owner[:1] in {"", "."} or tokens[index + 1].text != "(":
        return
    before, after = separators(tokens, index + 1)[:2]
    start, end = trimmed(tokens, before + 1, after)
    if start == end:
        return
    function = [Token("", tokens[start].text), *tokens[start + 1 : end]]
    first, *rest = function if is_tight(function, "") else in_parentheses(function)
    tokens[start:end] = [Token(tokens[start].space, owner)]
    tokens[index : index + 1] = [Token(tokens[index].space, first.text), *rest]


def unwrap(tokens: list[Token], index: int) -> None:
    """asyncio.run(main()) becomes main(), and Awaitable[int] becomes int."""
    bracket = WRAPPERS.get(tokens[index].text)
    if bracket is None or tokens[index + 1].text != bracket or tokens[index - 1].text in {"def", "class"}:
        return
    places = separators(tokens, index + 1)
    after, closing = places[1], places[-1]
    # Further arguments say how to run it. What is a comment stays.
    content = tokens[index + 2 : after] + [token for token in tokens[after:closing] if is_layout(token)]
    # The operator of a type has no other operator next to it.
    if not is_tight(content, "|" if bracket == "[" else ""):
        content = in_parentheses(content)
    if content:
        tokens[index : closing + 1] = [Token(tokens[index].space, content[0].text), *content[1:]]


def rename(tokens: list[Token], index: int) -> None:
    if is_name(tokens[index].text):
        tokens[index] = Token(tokens[index].space, renamed(tokens[index].text))


def renamed(dotted_name: str) -> str:
    first, *others = dotted_name.split(".")
    parts = [first, *(part for part in others if part != SYNC_ENGINE)]
    result = ".".join(NAMES.get(part, part) for part in parts)
    for name, sync_name in DOTTED_NAMES.items():
        if f"{result}.".startswith(f"{name}."):
            return sync_name + result.removeprefix(name)
    return result
