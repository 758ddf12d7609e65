"""User text, quoted for the place where it stands, and names that fit."""

import hashlib
import json
import re


def quoted(text: str) -> str:
    """User text as a quoted string that TOML, YAML and JSON read alike.

    JSON's own escapes are legal in all three; characters outside ASCII stay as they are, because TOML forbids the
    surrogate pairs that JSON would write for them.
    """
    return json.dumps(text, ensure_ascii=False)


def shortened(name: str, length: int) -> str:
    """A name that fits, its end replaced by a digest where it is too long, so that two long names stay two."""
    if len(name) <= length:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{name[: length - 7].rstrip('-')}-{digest}"


def markdown(text: str) -> str:
    """User text as Markdown that shows it as it was typed."""
    return re.sub(r"([\\`*_\[\]<>&#|~])", r"\\\1", text)
