"""python -m migrations upgrade head: Alembic's command line, where a failure is one line of the log."""

import logging
import sys

from app import logs

log = logging.getLogger(__name__)


def main() -> None:
    logs.configure()
    # Only now, so that an import that fails is a line of the log.
    from alembic.config import CommandLine
    from alembic.util import CommandError

    try:
        CommandLine("python -m migrations").main(["--raiseerr", *sys.argv[1:]])
    except CommandError as error:
        log.critical("The migrations were not run. %s", error)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
