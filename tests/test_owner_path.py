"""An owner's next steps, as the README of the service says them, for each framework, sync and async."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from cloudrun_postgres_template.unasync import unasync
from combinations import FLAVOURS, FRAMEWORKS, Combination
from conftest import Bake
from environments import interpreter_for, made, requirements_of
from live import LiveService, starting
from readme import blocks
from servers import PgBouncer, PostgresServer, wait_until

RESOURCE = Path(__file__).parent / "owner_path"

#: The name of the owner's secret in the README, and a value.
API_KEY = "not-a-real-secret"


@dataclass(frozen=True)
class Owned:
    """A service that its owner has changed, and its interpreter."""

    combination: Combination
    path: Path
    python: Path

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the README, with make's own commands on the environment that the tests share."""
        # Not what make hands down: `make test PYTHON=...` here would be another PYTHON there.
        foreign = ("PYTEST_", "DATABASE_", "MAKE", "MFLAGS", "PYTHON")
        settings = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        tools = self.path.parent / "bin"
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.path,
            env=settings | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            encoding="utf-8",
        )

    def must(self, command: str) -> str:
        done = self.run(command)
        assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
        return done.stdout + done.stderr


@pytest.fixture(scope="module", params=FLAVOURS, ids=lambda c: "-".join(c.framework_flavour))
def combination(request: pytest.FixtureRequest) -> Combination:
    combination: Combination = request.param
    return combination


@pytest.fixture(scope="module")
def owned(bake: Bake, combination: Combination, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owned]:
    """The service after each step of its README, and after two resources of the owner's were added."""
    folder = tmp_path_factory.mktemp("owner")
    project = bake(combination)
    service = Path(shutil.copytree(project.path, folder / "service"))
    extra = FRAMEWORKS[combination.framework]["owner_requirements"]
    python = made(interpreter_for(combination), [*requirements_of(project), *extra])
    stand_in_for_uv(folder / "bin", python)
    owned = Owned(combination, service, python)
    follow(owned)
    yield owned
    owned.run("make stop")


def stand_in_for_uv(folder: Path, python: Path) -> None:
    """A `uv run --quiet` that takes the environment of the tests instead of making another."""
    folder.mkdir()
    uv = folder / "uv"
    uv.write_text(f'#!/bin/sh\nshift 2\ncommand=$1\nshift\nexec "{python.parent}/$command" "$@"\n', encoding="utf-8")
    uv.chmod(0o755)


def follow(owned: Owned) -> None:
    """Copy the example as the README says, take its other steps, and add the owner's own resource like the first."""
    for block in blocks(owned.path / "README.md"):
        if block.language == "sh" and "make check test" in block.text:
            owned.must(block.text.replace("make check test", "make check"))
        elif block.language == "sh":
            owned.must(block.text)
        else:
            block.apply(owned.path)
    add_labels(owned)
    owned.must('make format && make migration name="add labels and comments" && make migrate')


def add_labels(owned: Owned) -> None:
    """The second resource: files of the owner's, and its names in the same places as the first's."""
    labels = owned.path / "app" / "labels"
    labels.mkdir()
    (labels / "__init__.py").touch()
    flavour = owned.combination.flavour
    shutil.copy(RESOURCE / "models.py", labels / "models.py")
    for name in ("queries", "routes"):
        source = f"{name}_async.py" if name == "queries" else f"routes_{owned.combination.framework}_async.py"
        (labels / f"{name}.py").write_text(
            unasync((RESOURCE / source).read_text(encoding="utf-8"), flavour), encoding="utf-8"
        )
    models = owned.path / "app" / "models.py"
    text = models.read_text(encoding="utf-8").replace(
        "    Tag,\n", "    Tag,\n    NoteLabel,\n    Label,\n    Comment,\n"
    )
    imported = "from app.labels.models import Comment, Label, NoteLabel\n"
    models.write_text(text.replace("from app.notes.models", f"{imported}from app.notes.models"), encoding="utf-8")
    main = owned.path / "app" / "main.py"
    lines = main.read_text(encoding="utf-8").splitlines()
    main.write_text("".join(f"{line}\n" for before in lines for line in registered(before)), encoding="utf-8")


def registered(line: str) -> list[str]:
    """A line of the application that names tags, and the same for labels."""
    renamed = line.replace("tags", "labels").replace("Tag", "Label")
    return [line] if renamed == line else [line, renamed]


def test_style_and_types_are_clean(owned: Owned) -> None:
    owned.must("make check")


def test_service_passes_its_own_tests(owned: Owned) -> None:
    assert " passed" in owned.must("make test")


def test_migrations_name_types_of_the_database_alone(owned: Owned) -> None:
    written = [file.read_text(encoding="utf-8") for file in (owned.path / "migrations" / "versions").glob("2*.py")]
    assert len(written) == 2
    assert not [text for text in written if "sqlmodel" in text or "app." in text]


def test_migration_without_a_change_writes_nothing(owned: Owned) -> None:
    before = sorted((owned.path / "migrations" / "versions").glob("*.py"))
    assert "nothing to write" in owned.must('make migration name="nothing"')
    assert sorted((owned.path / "migrations" / "versions").glob("*.py")) == before


@pytest.fixture(scope="module")
def service(
    bake: Bake, owned: Owned, postgres: PostgresServer, pgbouncer: PgBouncer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveService]:
    folder = tmp_path_factory.mktemp("live")
    project = type(bake(owned.combination))(owned.combination, owned.path)
    with starting(project, owned.python, postgres, pgbouncer, folder) as start:
        yield start(API_KEY=API_KEY, CORS_ORIGINS="https://a.example, https://b.example")


@pytest.fixture
def client(service: LiveService) -> Iterator[httpx.Client]:
    """A client that has the key."""
    with service.client() as client:
        client.headers["X-API-Key"] = API_KEY
        yield client


@pytest.fixture
def note(client: httpx.Client, request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """A note of the test's own."""
    response = client.post("/notes", json={"title": request.node.name})
    assert response.status_code == 201, response.text
    yield response.json()
    client.delete(response.headers["location"])


def test_copied_resource_serves(client: httpx.Client) -> None:
    created = client.post("/tags", json={"title": "Spoon"})
    assert created.status_code == 201, created.text
    assert client.get(created.headers["location"]).json() == created.json()


def test_relationship_is_written_read_and_replaced(client: httpx.Client, note: dict[str, Any]) -> None:
    label = {"name": "urgent", "colour": "blue", "mood": "bad", "options": {"a": [1]}}
    created = client.post("/labels", json=label | {"note_ids": [note["id"]]})
    assert created.status_code == 201, created.text
    assert created.json()["notes"] == [note]
    path = f"/labels/{created.json()['id']}"
    assert client.get(path).json() == created.json()
    replaced = client.put(path, json=label | {"note_ids": []})
    assert replaced.status_code == 200, replaced.text
    assert replaced.json()["notes"] == []
    assert client.get(path).json() == replaced.json()


def test_foreign_key_refuses_what_is_not_there(client: httpx.Client) -> None:
    assert client.post("/comments", json={"text": "?", "note_id": 2**40}).status_code == 409


def test_uuid_key_finds_its_row(client: httpx.Client, note: dict[str, Any]) -> None:
    comment = client.post("/comments", json={"text": "Yes.", "note_id": note["id"]}).json()
    assert client.get(f"/comments/{comment['id']}").json() == comment
    assert client.get(f"/comments/{comment['id'].upper()}").json() == comment
    for other in ("no-uuid", comment["id"].replace("-", ""), f"urn:uuid:{comment['id']}", f"{{{comment['id']}}}"):
        response = client.get(f"/comments/{other}")
        assert response.status_code == 422, other
        assert [error["location"] for error in response.json()["errors"]] == ["path.comment_id"]


def test_lists_of_two_types_have_schemas_of_their_own(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    for path, name in (("/labels", "LabelRead"), ("/comments", "CommentRead")):
        schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert schema["items"]["$ref"].endswith(f"/{name}")
        assert isinstance(client.get(path).json(), list)


def test_enum_takes_its_members_alone(client: httpx.Client) -> None:
    response = client.post("/labels", json={"name": "green", "colour": "green"})
    assert response.status_code == 422
    assert [error["location"] for error in response.json()["errors"]] == ["body.colour"]


def test_request_without_the_key_is_refused(service: LiveService) -> None:
    with service.client() as stranger:
        response = stranger.post("/labels", json={"name": "urgent"})
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"


def test_background_work_is_done_after_the_answer(client: httpx.Client, note: dict[str, Any]) -> None:
    client.post("/comments", json={"text": "Well.", "note_id": note["id"]})

    def texts() -> set[str]:
        return {comment["text"] for comment in client.get("/comments").json() if comment["note_id"] == note["id"]}

    assert wait_until(lambda: texts() == {"Well.", "Thank you."})


def test_page_of_the_owners_origin_may_call(client: httpx.Client) -> None:
    response = client.get("/notes", headers={"origin": "https://b.example"})
    assert response.headers["access-control-allow-origin"] == "https://b.example"
    preflight = {"origin": "https://b.example", "access-control-request-method": "PUT"}
    assert client.options("/notes/1", headers=preflight).headers["access-control-allow-origin"] == "https://b.example"


def test_missing_secret_is_named_alone(owned: Owned, tmp_path: Path) -> None:
    command = [str(owned.python), "-m", "app"]
    settings = {"PATH": os.environ["PATH"], "PYTHONPATH": str(owned.path), "DATABASE_URL": "postgresql://u@h.invalid/d"}
    done = subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, encoding="utf-8")
    [line] = done.stdout.splitlines()
    assert json.loads(line)["message"] == "The settings are wrong. API_KEY is not set."
