"""What Cloud Run expects of a container, of one image for each driver: built, started and used for real.

These take an engine that can pull or has the base images, so they are a command of their own: make test-container.
"""

import json
import os
import re
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from combinations import DRIVERS, LIVE, STRATEGIES, BakedProject, Combination
from conftest import Bake, RecordProperty
from containers import INSTALL_ENGINE, Container, Image, find_engine
from servers import PgBouncer, PostgresServer, wait_until

pytestmark = pytest.mark.container

#: Each driver once, with strategies and frameworks in turn.
COMBINATIONS = [
    combination
    for engine in zip(cycle(reversed(STRATEGIES)), DRIVERS, strict=False)
    for combination in LIVE
    if combination.engine == engine
]

#: What an image may add to its base, as a multiple of the dependencies and the code.
LARGEST_OVERHEAD = 1.1

#: Nothing listens there.
UNUSED_URL = "postgresql://user:not-a-real-secret@127.0.0.1:9/none"

#: Run in the image: what is in it, as JSON.
LISTING = """
import json, os, re, shutil, stat, sys
from importlib.metadata import distributions
files = [os.path.join(folder, name) for folder, _, names in os.walk("/service") for name in names]
print(json.dumps({
    "entries": sorted(os.listdir("/service")),
    "bytes": sum(os.lstat(file).st_size for file in files),
    "sources": [file for file in files if file.endswith(".py")],
    "compiled": [file for file in files if file.endswith(".pyc")],
    "distributions": sorted(
        re.sub("[-_.]+", "-", found.name.lower())
        for found in distributions(path=[path for path in sys.path if ".venv" in path])
    ),
    "tools": [tool for tool in ("uv", "cc", "gcc", "make", "git") if shutil.which(tool)],
    "writable": [
        file for file in files if not os.path.islink(file) and os.stat(file).st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    ],
}))
"""


@pytest.fixture(scope="session")
def engine() -> str:
    found = find_engine()
    if found is None and os.environ.get("CI"):
        pytest.fail(INSTALL_ENGINE)
    if found is None:
        pytest.skip(INSTALL_ENGINE)
    return found


@pytest.fixture(scope="module", params=COMBINATIONS, ids=str)
def project(request: pytest.FixtureRequest, bake: Bake) -> BakedProject:
    combination: Combination = request.param
    return bake(combination)


@pytest.fixture(scope="module")
def image(engine: str, project: BakedProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    image = Image(engine, project, tmp_path_factory.mktemp("image"))
    image.lock()
    done = image.build()
    assert done.returncode == 0, done.stdout + done.stderr
    yield image
    image.remove()


@pytest.fixture(scope="module")
def listing(image: Image) -> dict[str, Any]:
    done = image.run("python", "-c", LISTING)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture(scope="module")
def database(postgres: PostgresServer, project: BakedProject) -> Iterator[str]:
    name = f"container-{project.combination.driver}"
    postgres.create_database(name)
    yield name
    postgres.drop_database(name)


@pytest.fixture(scope="module")
def settings(
    image: Image, project: BakedProject, database: str, postgres: PostgresServer, pgbouncer: PgBouncer
) -> dict[str, str]:
    """The environment of the service, whose database has been migrated by the image itself, as the job does it."""
    urls = {"direct": postgres.direct_url(database), "pooled": pgbouncer.pooled_url(database)}
    settings = {"DATABASE_URL": urls[project.combination.endpoint], "DATABASE_DIRECT_URL": urls["direct"]}
    image.migrate(settings)
    return settings


@pytest.fixture
def service(image: Image, settings: dict[str, str], tmp_path: Path) -> Iterator[Container]:
    with Container(image, settings, tmp_path / "service.log") as container:
        container.wait_until_it_answers()
        yield container


def test_image_has_the_dependencies_and_the_code_and_nothing_else(
    listing: dict[str, Any], project: BakedProject, image: Image
) -> None:
    assert listing["entries"] == [".venv", "app", "migrations", "pyproject.toml"]
    requirements = tomllib.loads(project.read("pyproject.toml"))["project"]["dependencies"]
    needed = {re.split(r"[\[><=]", requirement)[0] for requirement in requirements}
    assert needed <= set(listing["distributions"]) <= image.locked()
    assert listing["tools"] == []


def test_image_adds_no_more_than_that_to_its_base(
    image: Image, listing: dict[str, Any], project: BakedProject, record_property: RecordProperty
) -> None:
    added = image.bytes_over_base()
    record_property(
        f"{project.combination}  image over base",
        f"{added / 1e6:.1f} MB, {added / listing['bytes']:.3f} x the {listing['bytes'] / 1e6:.1f} MB that it needs",
    )
    assert added <= LARGEST_OVERHEAD * listing["bytes"]


def test_code_is_compiled_and_nobody_may_write_it(listing: dict[str, Any]) -> None:
    compiled = {path.replace("__pycache__/", "").partition(".cpython")[0] for path in listing["compiled"]}
    missing = {path for path in listing["sources"] if path.removesuffix(".py") not in compiled}
    # Templates and tests of dependencies that are no modules by their names or do not parse.
    assert not {path for path in missing if path.startswith(("/service/app", "/service/migrations"))}
    assert len(missing) < 0.01 * len(listing["sources"])
    assert listing["writable"] == []


@pytest.fixture(scope="module", params=[0o000, 0o027, 0o077], ids=oct)
def image_of_umask(
    request: pytest.FixtureRequest, engine: str, bake: Bake, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Image]:
    """An image of a check-out whose files have the modes that this umask leaves."""
    image = Image(engine, bake(COMBINATIONS[0]), tmp_path_factory.mktemp("umask"))
    image.name = f"cookiecutter-test:umask-{request.param:03o}"
    image.lock()
    for path in (image.folder, *image.folder.rglob("*")):
        path.chmod((0o777 if path.is_dir() else 0o666) & ~request.param)
    done = image.build()
    assert done.returncode == 0, done.stdout + done.stderr
    yield image
    image.remove()


def test_image_of_a_checkout_with_any_umask_starts_as_any_user(image_of_umask: Image, tmp_path: Path) -> None:
    with Container(image_of_umask, {"DATABASE_URL": UNUSED_URL}, tmp_path / "service.log") as container:
        container.wait_until_it_answers()


def test_image_of_a_checkout_with_any_umask_has_nothing_that_others_may_write(image_of_umask: Image) -> None:
    done = image_of_umask.run("python", "-c", LISTING)
    assert json.loads(done.stdout)["writable"] == []


def test_image_says_what_it_is_and_runs_as_a_numbered_user(image: Image, project: BakedProject) -> None:
    config = image.config()
    assert config["User"] == "10001:10001"
    assert config["Cmd"] == ["python", "-m", "app"]
    assert config["Labels"]["org.opencontainers.image.title"] == project.path.name


def test_service_listens_on_the_port_that_it_is_given_and_needs_no_database_for_that(
    image: Image, tmp_path: Path
) -> None:
    ports = set()
    for number in range(3):
        with Container(image, {"DATABASE_URL": UNUSED_URL}, tmp_path / f"{number}.log") as container:
            container.wait_until_it_answers()
            assert f"0.0.0.0:{container.port}" in container.log.read_text(encoding="utf-8")
            ports.add(container.port)
    assert len(ports) == 3


def test_service_works_on_a_database_with_tls(service: Container) -> None:
    with service.client() as client:
        assert client.get("/ready").status_code == 200
        created = client.post("/notes", json={"title": "Milk"})
        assert created.status_code == 201
        assert client.get(f"/notes/{created.json()['id']}").json() == created.json()


def test_request_under_way_is_finished_after_sigterm_and_no_new_one_accepted(
    service: Container, postgres: PostgresServer, database: str
) -> None:
    slow = postgres.slow_inserts(database, "note", seconds=5)
    with service.client() as client, ThreadPoolExecutor() as threads, slow:
        request = threads.submit(client.post, "/notes", json={"title": "Slow"})
        postgres.wait_for_slow_insert(database)
        service.terminate()
        service.wait_until_it_listens_no_more()
        assert not request.done()
        assert request.result().status_code == 201
    assert service.exit_code() == 0


def test_idle_service_ends_within_a_second_and_says_goodbye_to_the_database(
    service: Container, project: BakedProject, database: str, postgres: PostgresServer, pgbouncer: PgBouncer
) -> None:
    is_pooled = project.combination.endpoint == "pooled"
    abandoned = "SELECT sessions_abandoned FROM pg_stat_database WHERE datname = %s"
    connected = "SELECT pid FROM pg_stat_activity WHERE datname = %s"
    lines_before, abandoned_before = len(pgbouncer.log().splitlines()), postgres.execute(abandoned, [database])

    def goodbyes() -> list[str]:
        """PgBouncer's notes of how each client left."""
        lines = pgbouncer.log().splitlines()[lines_before:]
        return [line for line in lines if f": {database}/" in line and "closing because: client" in line]

    with service.client() as client:
        assert client.get("/notes").status_code == 200
    service.terminate()
    assert service.exit_code(seconds=1) == 0
    if is_pooled:
        assert wait_until(lambda: bool(goodbyes()))
        assert all("client close request" in line for line in goodbyes())
    else:
        assert wait_until(lambda: not postgres.execute(connected, [database]))
        assert postgres.execute(abandoned, [database]) == abandoned_before


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, "DATABASE_URL"),
        ({"DATABASE_URL": "mysql://user:not-a-real-secret@host/none"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://user:not-a-real-secret@host/none", "LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
        (
            {"DATABASE_URL": "postgresql://user:not-a-real-secret@host/none", "ADMISSION_TIMEOUT": "-1"},
            "ADMISSION_TIMEOUT",
        ),
    ],
)
def test_wrong_environment_ends_the_container_with_one_line_that_names_the_setting(
    image: Image, environment: dict[str, str], name: str
) -> None:
    done = image.run(environment=environment)
    assert done.returncode == 1
    [line] = (done.stdout + done.stderr).splitlines()
    entry = json.loads(line)
    assert entry["severity"] == "CRITICAL"
    assert name in entry["message"]
    assert "not-a-real-secret" not in line


def test_memory_stays_where_it_is(service: Container, project: BakedProject, record_property: RecordProperty) -> None:
    with service.client() as client:
        for number in range(20):
            client.post("/notes", json={"title": f"Note {number}"}).raise_for_status()
    after: dict[int, int] = {}
    done = 0
    for requests in (1_000, 10_000):
        ask(service, requests - done)
        done = requests
        after[requests] = service.resident_memory()
    record_property(
        f"{project.combination}  memory", ", ".join(f"{size / 1e6:.1f} MB after {n}" for n, size in after.items())
    )
    assert after[10_000] <= 1.1 * after[1_000]


def ask(service: Container, requests: int, clients: int = 8) -> None:
    """So many requests, from clients at the same time."""

    def some() -> None:
        with service.client() as client:
            for _ in range(requests // clients):
                client.get("/notes").raise_for_status()

    with ThreadPoolExecutor(clients) as threads:
        for done in [threads.submit(some) for _ in range(clients)]:
            done.result()


def test_image_without_a_lock_file_is_refused_with_the_remedy(engine: str, bake: Bake, tmp_path: Path) -> None:
    image = Image(engine, bake(COMBINATIONS[0]), tmp_path)
    done = image.build()
    assert done.returncode != 0
    # Engines echo the instruction, in which the sentence is quoted.
    said = [line for line in (done.stdout + done.stderr).splitlines() if "echo" not in line]
    remedy = "There is no uv.lock: run 'uv lock' (in a uv workspace, exclude this folder first) and commit the file."
    assert any(remedy in line for line in said)
