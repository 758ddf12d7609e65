"""The service's own test of its numbers notices when an owner changes one and forgets another."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from combinations import CONTEXT, DRIVERS, FRAMEWORKS, STRATEGIES, Combination
from conftest import Bake
from environments import environment


@dataclass
class Numbers:
    """A service's numbers, as the tables give them."""

    strategy: str

    @property
    def concurrency(self) -> int:
        return sum(int(row["default"]) for row in STRATEGIES[self.strategy]["settings"] if row["type"] == "int")

    @property
    def instances(self) -> int:
        return int(STRATEGIES[self.strategy]["max_instances"])

    @property
    def connections(self) -> int:
        return int(CONTEXT["_endpoints"][STRATEGIES[self.strategy]["endpoint"]]["connections"])


@pytest.fixture(params=STRATEGIES)
def numbers(request: pytest.FixtureRequest) -> Numbers:
    return Numbers(request.param)


@pytest.fixture
def owner(bake: Bake, numbers: Numbers, tmp_path: Path) -> "Owner":
    return Owner(bake, Combination(next(iter(FRAMEWORKS)), numbers.strategy, next(iter(DRIVERS))), tmp_path)


class Owner:
    """Somebody who changes files of a service and then runs its test of the numbers."""

    def __init__(self, bake: Bake, combination: Combination, folder: Path) -> None:
        project = bake(combination)
        self.python = environment(project)
        self.service = folder / "service"
        shutil.copytree(project.path, self.service)

    def change(self, file: str, pattern: str, replacement: str) -> None:
        text, count = re.subn(pattern, replacement, (self.service / file).read_text(encoding="utf-8"))
        assert count == 1, f"{file} has {count} places like {pattern}."
        (self.service / file).write_text(text, encoding="utf-8")

    def findings(self) -> str:
        """What the test says; nothing when it passes."""
        done = subprocess.run(
            [self.python, "-m", "pytest", "-p", "no:cacheprovider", "tests/test_deploy.py", "-k", "concurrency or fit"],
            cwd=self.service,
            capture_output=True,
            encoding="utf-8",
        )
        assert done.returncode in {0, 1}, done.stdout + done.stderr
        return done.stdout if done.returncode else ""


def test_more_instances_than_the_database_takes(owner: Owner, numbers: Numbers) -> None:
    instances = numbers.connections // (numbers.concurrency * 2) + 1
    owner.change("deploy/service.yaml", r'maxScale: "\d+"', f'maxScale: "{instances}"')
    needed = instances * numbers.concurrency * 2
    said = owner.findings()
    assert f"{instances} instances x {numbers.concurrency} connections x 2 revisions = {needed} connections" in said
    assert f"the database takes {numbers.connections}: lower maxScale in deploy/service.yaml to {instances - 1}" in said


def test_more_connections_for_each_instance(owner: Owner, numbers: Numbers) -> None:
    row = STRATEGIES[numbers.strategy]["settings"][0]
    name, default = row["name"], row["default"]
    field = f"{name}: int = Field(default="
    owner.change("app/database/settings.py", re.escape(field) + default, f"{field}900")
    concurrency = numbers.concurrency - int(default) + 900
    said = owner.findings()
    assert f"{numbers.instances} instances x {concurrency} connections x 2 revisions" in said
    assert (
        f"Cloud Run sends an instance {numbers.concurrency} requests at once, and the settings admit {concurrency}"
        in said
    )


def test_setting_on_cloud_run_alone(owner: Owner, numbers: Numbers) -> None:
    name = STRATEGIES[numbers.strategy]["settings"][0]["name"]
    variable = f"          env:\n            - name: {name.upper()}\n              value: '1'\n"
    owner.change("deploy/service.yaml", r"          env:\n", variable)
    assert "set containerConcurrency in deploy/service.yaml" in owner.findings()


def test_smaller_database(owner: Owner, numbers: Numbers) -> None:
    owner.change("deploy/limits.toml", r"connections = \d+", "connections = 9")
    assert "and the database takes 9: lower maxScale" in owner.findings()
