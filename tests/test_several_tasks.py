"""A session that several tasks use at once gives its connection back."""

import subprocess
from pathlib import Path

from combinations import LIVE, Combination, each
from conftest import Bake
from environments import environment
from live import one_slot
from servers import PgBouncer, PostgresServer
from storm import service_environment

SCRIPT = Path(__file__).parent / "several_tasks_async.py"

POOLING = [
    combination
    for combination in LIVE
    if combination.flavour == "async" and combination.pooling_strategy != "null_pool"
]


@each(POOLING)
def test_session_of_several_tasks_gives_its_connection_back(
    bake: Bake, combination: Combination, postgres: PostgresServer, pgbouncer: PgBouncer, database: str
) -> None:
    project = bake(combination)
    direct = postgres.direct_url(database)
    url = direct if combination.endpoint == "direct" else pgbouncer.pooled_url(database)
    settings = {**one_slot(combination), "DATABASE_POOL_TIMEOUT": "0.5", "PYTHONPATH": str(project.path)}
    done = subprocess.run(
        [str(environment(project)), "-W", "error", str(SCRIPT)],
        cwd=project.path,
        env=service_environment(url, direct, **settings),
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    outcomes = done.stdout.splitlines()
    assert len(outcomes) == 24
    assert not [outcome for outcome in outcomes if not outcome.endswith(", whole")]
