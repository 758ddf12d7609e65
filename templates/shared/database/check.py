"""python -m app.database.check [--json]: what DATABASE_URL leads to, and whether the service can work with it.

It is safe in production: it only reads, in a read-only transaction, and leaves nothing behind in a pooler. It prints
facts, notes (which may be as they should) and contradictions with their remedies. The exit code is 0, or 1 if there is
a contradiction or no connection. What ends it, also an import that fails, is one line.
"""

import argparse
import asyncio
import json
import logging
import sys

from .doctor.report import Report, as_json


async def report() -> Report:
    try:
        # Only now, so that an import that fails is in the report.
        from .doctor.examination import examined

        return await examined()
    except Exception as error:
        return Report(error=f"The check failed. {type(error).__name__}: {error}")


def as_entry(error: str) -> str:
    """What ends the check, as Cloud Logging reads it."""
    return json.dumps({"severity": "CRITICAL", "message": error})


async def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m app.database.check", description="Check the database.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    found = await report()
    if arguments.json:
        print(as_json(found))
    elif found.error:
        print(found.error if sys.stderr.isatty() else as_entry(found.error), file=sys.stderr)
    else:
        from .doctor.text import as_text

        print(as_text(found))
    sys.exit(0 if found.ok else 1)


if __name__ == "__main__":
    asyncio.run(main())
