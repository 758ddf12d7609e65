"""What each engine does in each fault of its network and its servers: one row for each fault and engine.

    .venv/bin/python benchmarks/fault_table.py [--fault NAME...] [--place PLACE...]

Each place is an engine and where its connections lead: to a real PostgreSQL, or to a real PgBouncer of some kind. A
process of the service serves there through a proxy that makes the faults, while callers write and read notes.
tests/faults.py describes the faults, and tests/test_faults.py demands what the table should show.

*Succeeded* are answers with a 2xx. *Wrong* are requests that got neither that nor a 503 in its right form: another
status, or a connection cut off. *Hung* are requests that their caller gave up. *Lost* are writes that were acknowledged
and are not there. *Left* are connections that are open after the fault besides those that the pool keeps. *Remarks* say
what else was not as it should be.
"""
# `mypy benchmarks` alone does not look into tests/; `mypy tests benchmarks` does.
# mypy: disable-error-code="import-not-found"

import argparse
import signal
import sys
import tempfile
from pathlib import Path

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "tests"))

from callers import HUNG
from combinations import rendered
from environments import environment
from faults import FAULTS, Outcome, endure
from servers import INSTALL_SERVERS, PostgresServer, ServerBinaries, find_servers
from stand import INSTALL_NEWER, PLACES, Place, standing

COLUMNS = (
    *("fault", "engine", "endpoint", "sent", "succeeded", "503", "wrong", "hung"),
    *("lost", "written twice", "left", "longest wait", "remarks"),
)


def table_row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def row(name: str, place: Place, outcome: Outcome) -> str:
    combination = place.combination
    counts = [
        len(outcome.answers),
        outcome.successes,
        outcome.count(503),
        len(outcome.wrong) - outcome.count(HUNG),
        outcome.count(HUNG),
        len(outcome.lost),
        len(outcome.twice),
        outcome.connections_left,
    ]
    engine = f"{combination.pooling_strategy}, {combination.driver}"
    cells = [name, engine, place.endpoint, *map(str, counts), f"{outcome.longest:.1f} s"]
    return table_row([*cells, "; ".join(outcome.complaints)])


def measure(place: Place, names: list[str], binaries: ServerBinaries, postgres: PostgresServer, folder: Path) -> None:
    """Print a row for each of these faults that can happen at this place."""
    project = rendered(place.combination, folder)
    logs = folder / "logs"
    logs.mkdir()
    with standing(place, project, environment(project), binaries, postgres, logs) as stand:
        for name, fault in FAULTS.items():
            if name in names and place.endpoint in fault.where:
                outcome = endure(stand, fault)
                print(row(name, place, outcome), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    places = {str(place): place for place in PLACES}
    parser.add_argument("--fault", nargs="*", default=list(FAULTS), choices=list(FAULTS), metavar="NAME")
    parser.add_argument("--place", nargs="*", default=list(places), choices=list(places), metavar="PLACE")
    arguments = parser.parse_args()
    # So that everything that was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Ended by SIGTERM."))
    binaries = find_servers()
    if binaries is None:
        raise SystemExit(INSTALL_SERVERS)
    print(f"{table_row(list(COLUMNS))}\n|{'---|' * len(COLUMNS)}")
    with PostgresServer(binaries) as postgres:
        for place in map(places.__getitem__, arguments.place):
            if not place.is_installed:
                print(f"{place}: {INSTALL_NEWER}", file=sys.stderr)
                continue
            with tempfile.TemporaryDirectory() as folder:
                measure(place, arguments.fault, binaries, postgres, Path(folder))


if __name__ == "__main__":
    main()
