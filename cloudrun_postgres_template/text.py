"""User text, quoted for the place where it stands."""

import json
import re


def quoted(text: str) -> str:
    """User text as a quoted string that TOML, YAML and JSON read alike.

    JSON's own escapes are legal in all three; characters outside ASCII stay as they are, because TOML forbids the
    surrogate pairs that JSON would write for them.
    """
    return json.dumps(text, ensure_ascii=False)


def markdown(text: str) -> str:
    """User text as Markdown that shows it as it was typed, wherever a line begins."""
    inline = re.sub(r"([\\`*_\[\]<>&#|~$])", r"\\\1", text.strip())
    # GitHub makes a link of a URL, and shows the backslashes in it.
    unlinked = re.sub(r":(?=//)|(?<=\bwww)\.", r"\\\g<0>", inline, flags=re.IGNORECASE)
    # What would be the mark of a list's item, or a line across the page.
    unlisted = re.sub(r"^([-+])(?=[\s-]|$)", r"\\\1", unlinked)
    return re.sub(r"^(\d+)(?=[.)](\s|$))", r"\1\\", unlisted)
