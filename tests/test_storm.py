"""Three processes of each real service under 24 clients, on a real PostgreSQL and a real PgBouncer.

Every answer must be a 2xx, also after the database has ended all idle connections and after each server was started
again. The last tests break the engine on purpose, to show that the storm would notice.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloudrun_postgres_template.unasync import unasync
from combinations import LIVE, BakedProject, Combination, arguments_against_names, each, each_live_combination
from conftest import Bake, RecordProperty
from environments import environment
from servers import PgBouncer, PostgresServer
from storm import LAUNCHER, ServiceProcess, migrate, running, service_environment, storm, warm_up

PROCESSES = 3


@dataclass(frozen=True)
class Servers:
    postgres: PostgresServer
    pgbouncer: PgBouncer
    database: str

    def url(self, endpoint: str) -> str:
        if endpoint == "pooled":
            return self.pgbouncer.pooled_url(self.database)
        return self.postgres.direct_url(self.database)


@pytest.fixture
def servers(postgres: PostgresServer, pgbouncer: PgBouncer, database: str) -> Servers:
    """Both servers, with an empty database."""
    return Servers(postgres, pgbouncer, database)


@contextmanager
def serving(project: BakedProject, servers: Servers, folder: Path) -> Iterator[list[ServiceProcess]]:
    """Processes of the service, migrated on the direct URL and running on the one that its strategy wants."""
    combination = project.combination
    python = environment(project)
    direct = servers.postgres.direct_url(servers.database)
    settings = service_environment(servers.url(combination.endpoint), direct, LOG_LEVEL="WARNING")
    migrate(python, project.path, settings)
    launcher = unasync(LAUNCHER.read_text(encoding="utf-8"), combination.flavour)
    processes = [
        ServiceProcess(python, project.path, settings, folder / f"{number}.log", ["-c", launcher])
        for number in range(PROCESSES)
    ]
    with running(processes):
        yield processes


@each_live_combination
def test_every_request_is_answered_whatever_happens_to_the_connections(
    bake: Bake, combination: Combination, servers: Servers, tmp_path: Path, record_property: RecordProperty
) -> None:
    with serving(bake(combination), servers, tmp_path) as processes:
        results = {"at first": storm(processes)}
        servers.postgres.terminate_idle_backends(servers.database)
        results["after all idle connections were ended"] = storm(processes)
        servers.postgres.restart()
        results["after a restart of PostgreSQL"] = storm(processes)
        if combination.endpoint == "pooled":
            servers.pgbouncer.restart()
            results["after a restart of PgBouncer"] = storm(processes)
        failures = {when: result.failures[:3] for when, result in results.items() if result.failures}
        assert not failures, processes[0].log_tail()
        exit_codes = [process.stop() for process in processes]
    assert exit_codes == [0] * PROCESSES
    answered = sum(result.answered for result in results.values())
    record_property(f"{combination}  storms", f"{answered} of {answered} requests answered in {len(results)} rounds")


def broken(project: BakedProject, folder: Path, right: list[str], wrong: str) -> BakedProject:
    """The service with an engine from which something has been left out."""
    copy = BakedProject(project.combination, folder / "service")
    shutil.copytree(project.path, copy.path)
    engine = copy.path / "app" / "database" / "engine.py"
    text = engine.read_text(encoding="utf-8")
    for part in right:
        assert part in text
        text = text.replace(part, wrong)
    engine.write_text(text, encoding="utf-8")
    return copy


PREPARING = [
    combination for combination in LIVE if combination.endpoint == "pooled" and arguments_against_names(combination)
]


@each(PREPARING)
def test_storm_notices_named_statements_behind_the_pooler(
    bake: Bake, combination: Combination, servers: Servers, tmp_path: Path, record_property: RecordProperty
) -> None:
    project = broken(bake(combination), tmp_path, arguments_against_names(combination), "")
    with serving(project, servers, tmp_path) as processes:
        result = storm(processes, rounds=1)
    assert result.failures
    counts = f"{len(result.failures)} of {result.requests} requests failed"
    record_property(f"{combination}  WITH named statements", counts)


POOLING = [combination for combination in LIVE if combination.pooling_strategy != "null_pool"]
#: The same source makes the pool before the pooler: templates/pooling/queue_pool.py.
LAYERED = [combination for combination in POOLING if combination.pooling_strategy == "layered_pool"]


@each(POOLING, rest=LAYERED)
def test_storm_notices_a_pool_without_ping(
    bake: Bake, combination: Combination, servers: Servers, tmp_path: Path, record_property: RecordProperty
) -> None:
    project = broken(bake(combination), tmp_path, ["pool_pre_ping=True"], "pool_pre_ping=False")
    with serving(project, servers, tmp_path) as processes:
        assert not warm_up(processes).failures
        if combination.endpoint == "pooled":
            servers.pgbouncer.restart()
        else:
            servers.postgres.terminate_idle_backends(servers.database)
        result = storm(processes, rounds=1)
    assert result.failures
    counts = f"{len(result.failures)} of {result.requests} requests failed"
    record_property(f"{combination}  WITHOUT pre-ping", counts)
