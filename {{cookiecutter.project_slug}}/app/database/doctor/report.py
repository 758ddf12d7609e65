"""The result of the check, and the same as JSON for programs. It is there also where nothing else can be imported."""

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .facts import DirectFacts, Facts


@dataclass(frozen=True)
class Report:
    """What the check found. Its fields, and those of the facts, are the keys of the JSON."""

    error: str | None = None
    """Why there are no facts: wrong settings, no connection, or a part that cannot be imported."""

    facts: "Facts | None" = None

    direct_facts: "DirectFacts | None" = None
    """The same of DATABASE_DIRECT_URL; null where it is not set, is DATABASE_URL or does not answer."""

    contradictions: list[str] = field(default_factory=list)
    """What the service or its migrations cannot work with, each with its remedy."""

    notes: list[str] = field(default_factory=list)
    """What may be as it should."""

    @property
    def ok(self) -> bool:
        return not self.error and not self.contradictions


def as_json(report: Report) -> str:
    """One object in one line, so that Cloud Logging reads it as one structured entry."""
    return json.dumps({"ok": report.ok} | asdict(report))
