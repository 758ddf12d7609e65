"""The code blocks of a service's README, applied as its words say.

The first line of a block says where it belongs: a whole new file (# app/new.py), below a line of a file
(# app/main.py, below: LINE), or in place of one (# app/main.py, in place of: LINE). Blocks without such a line show
something and are not applied. Blocks of commands (sh) are run.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
PLACE = re.compile(r"# (?P<path>[\w./]+)(?:, (?P<how>below|in place of): (?P<line>.+))?\n")


@dataclass(frozen=True)
class Block:
    language: str
    text: str

    def apply(self, folder: Path) -> bool:
        """Change the file that the block names; whether it names one."""
        place = PLACE.match(self.text)
        if not place:
            return False
        file, content = folder / place["path"], self.text[place.end() :]
        if place["how"] is None:
            assert not file.exists(), f"{file} is there already."
            file.write_text(content, encoding="utf-8")
            return True
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        [index] = [number for number, line in enumerate(lines) if line.strip().startswith(place["line"])]
        lines[index : index + 1] = [content] if place["how"] == "in place of" else [lines[index], content]
        file.write_text("".join(lines), encoding="utf-8")
        return True


def blocks(readme: Path) -> Iterator[Block]:
    for found in BLOCK.finditer(readme.read_text(encoding="utf-8")):
        yield Block(found["language"], found["text"])
