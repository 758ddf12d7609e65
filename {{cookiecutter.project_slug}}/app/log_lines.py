"""The line of a log entry: strict JSON, whatever the entry holds, and never too long for Cloud Logging.

It needs the standard library only, so that a package that is missing can be logged.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from math import isfinite
from typing import Any

#: Characters of a line that is written as it is. Of a longer one, the fields take at most so many bytes. Cloud Logging
#: takes entries of 256 KiB by its own count, in which a list of short numbers takes six times its bytes in JSON.
SHORT_LINE = 16 * 1024

#: Bytes of one field in a longer line, and of a name.
LONGEST_FIELD = 8 * 1024
LONGEST_NAME = 256

#: Values in the fields of a longer line, and their levels; so values that hold themselves end somewhere.
MOST_VALUES = 1000
DEEPEST = 8

#: The most that a character takes in JSON: a lone surrogate, which is written as \\\\udc80.
BYTES_PER_CHARACTER = 7

#: What JSON leaves as it is and some readers take for the end of a line.
SEPARATORS = {"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def line_of(entry: Mapping[str, Any], fields: Any) -> str:
    """The entry with these further fields. One that has the name of another gets underscores at the end of its name."""
    try:
        line = encode(joined(entry, fields.items()))
        if len(line) <= SHORT_LINE:
            return line
    except Exception:
        pass
    kept = strict(fields, iter(range(MOST_VALUES)))
    kept = shortened(kept if isinstance(kept, dict) else {"fields": kept})
    return encode(joined(strict(entry, iter(range(MOST_VALUES))), kept.items()))


def encode(value: Any) -> str:
    """The value as JSON in one line.

    Raises:
        Exception: it holds what is not strict JSON or not UTF-8, or its own code fails.
    """
    line = ENCODER.encode(value)
    if not line.isascii():
        line.encode()  # A lone surrogate is an error.
        for separator, escaped in SEPARATORS.items():
            line = line.replace(separator, escaped)
    return line


def joined(entry: Mapping[str, Any], more: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    every: dict[Any, Any] = dict(entry)
    for name, value in more:
        while name in every:
            name += "_"
        every[name] = value
    return every


def strict(value: Any, room: Iterator[int], depth: int = DEEPEST) -> Any:
    """The value in the types of JSON, as far as there is room; what has none of them as text."""
    with suppress(Exception):
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int) and int.bit_length(value) <= 64:
            return int(value)
        if isinstance(value, float) and isfinite(value):
            return float(value)
        if isinstance(value, Mapping) and depth:
            some = [item for item, _ in zip(value.items(), room, strict=False)]
            named = joined({}, ((name_of(name), strict(item, room, depth - 1)) for name, item in some))
            return joined(named, left_out(len(value) - len(some)).items())
        if isinstance(value, list | tuple) and depth:
            values = [strict(item, room, depth - 1) for item, _ in zip(value, room, strict=False)]
            return [*values, *left_out(len(value) - len(values)).values()]
    return text_of(value)


def shortened(fields: dict[str, Any]) -> dict[str, Any]:
    """As many of the fields as there is room for, the long ones cut. They must be strict JSON."""
    kept = {}
    room = SHORT_LINE
    for name, value in fields.items():
        if size_of(value) > LONGEST_FIELD:
            value = cut(value if isinstance(value, str) else encode(value), LONGEST_FIELD)
        if (size := size_of({name: value})) <= room:
            kept[name] = value
            room -= size
    return joined(kept, left_out(len(fields) - len(kept)).items())


def left_out(count: int) -> dict[str, str]:
    return {"...": f"{count} more were left out"} if count > 0 else {}


def name_of(value: Any) -> str:
    return cut(text_of(value), LONGEST_NAME)


def text_of(value: Any) -> str:
    """The value as text of which UTF-8 can be made."""
    try:
        text = str(value)
    except Exception:
        text = f"<{type(value).__name__} that cannot be written>"
    return text.encode(errors="backslashreplace").decode()


def cut(text: str, size: int) -> str:
    """The text; its beginning and its end where it takes more than so many bytes between the quotes of JSON."""
    if BYTES_PER_CHARACTER * len(text) <= size or fits(text, size):
        return text
    text = text_of(text)
    sign = f" [... cut, of {len(text)} characters ...] "
    room = (size - len(sign)) // 2
    return beginning(text, room) + sign + beginning(text[::-1], room)[::-1]


def fits(text: str, size: int) -> bool:
    return size_of(text_of(text)) - len('""') <= size


def beginning(text: str, size: int) -> str:
    part = text[:size]
    while (needed := size_of(part)) > size:
        part = part[: len(part) * size // needed]
    return part


def size_of(value: Any) -> int:
    return len(encode(value).encode())


#: Names that are of several types and could become the same text cannot be sorted; so they are an error.
#: Values that hold themselves are one as well, found by their depth.
ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, default=text_of)
