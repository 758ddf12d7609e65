"""The folder app/database serves in an application that knows nothing of this template."""

import shutil
import subprocess
from pathlib import Path

import pytest

from cloudrun_postgres_template.unasync import unasync
from combinations import FLAVOURS, Combination, each
from conftest import Bake
from environments import environment
from servers import PgBouncer, PostgresServer
from storm import service_environment

APPLICATIONS = Path(__file__).parent / "bare"


@pytest.fixture
def orders(postgres: PostgresServer, database: str) -> str:
    """A database with the table of the bare applications."""
    postgres.execute("CREATE TABLE orders (item text); GRANT ALL ON orders TO service", database=database)
    return database


@each(FLAVOURS)
def test_copied_folder_reads_and_writes_in_a_bare_application(
    bake: Bake, combination: Combination, postgres: PostgresServer, pgbouncer: PgBouncer, orders: str, tmp_path: Path
) -> None:
    project = bake(combination)
    shutil.copytree(project.path / "app" / "database", tmp_path / "shop" / "storage")
    (tmp_path / "shop" / "__init__.py").touch()
    application = (APPLICATIONS / f"{combination.framework}_async.py").read_text(encoding="utf-8")
    (tmp_path / "shop" / "application.py").write_text(unasync(application, combination.flavour), encoding="utf-8")
    direct, pooled = postgres.direct_url(orders), pgbouncer.pooled_url(orders)
    done = subprocess.run(
        [environment(project), "-W", "error", "-m", "shop.application"],
        cwd=tmp_path,
        env=service_environment(direct if combination.endpoint == "direct" else pooled, direct),
        capture_output=True,
        encoding="utf-8",
    )
    assert done.stdout == "201 ['tea'] 200\n", done.stdout + done.stderr
    assert not done.stderr
