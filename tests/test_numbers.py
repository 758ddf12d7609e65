"""The service's own test of its numbers notices when an owner changes one and forgets another."""

import re
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from cloudrun_postgres_template.numbers import numbers as numbers_of
from combinations import DRIVERS, FRAMEWORKS, PROVIDERS, STRATEGIES, Combination
from conftest import Bake
from environments import environment

#: Each provider's numbers with each of its pooling strategies.
EACH = [(provider, strategy) for provider, row in PROVIDERS.items() for strategy in row["strategies"]]

#: The tests of the numbers.
NUMBERS = "concurrency or fit or maximum"

#: Those whose numbers an owner changes: each strategy, and each limit that an endpoint may have.
CHANGED = [("neon", "null_pool"), ("supabase", "queue_pool"), ("other", "layered_pool")]


@dataclass
class Numbers:
    """A service's numbers, as the tables give them."""

    provider: str
    strategy: str

    def __post_init__(self) -> None:
        found = numbers_of({"provider": self.provider, "pooling_strategy": self.strategy})
        self.settings: list[dict[str, str]] = found["settings"]
        self.concurrency: int = found["concurrency"]
        self.instances: int = found["max_instances"]
        self.connections: int = found["connections"]

    def needed(self, instances: int, each: int) -> int:
        """For the instances, for one that a tag's URL starts, and for the migrations."""
        return (instances + 1) * each + 1


@pytest.fixture(params=CHANGED, ids="-".join)
def numbers(request: pytest.FixtureRequest) -> Numbers:
    return Numbers(*request.param)


@pytest.fixture
def owner(bake: Bake, numbers: Numbers, tmp_path: Path) -> "Owner":
    combination = Combination(next(iter(FRAMEWORKS)), numbers.strategy, next(iter(DRIVERS)), numbers.provider)
    return Owner(bake, combination, tmp_path)


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
            [
                self.python,
                "-m",
                "pytest",
                "-p",
                "no:cacheprovider",
                "tests/test_deploy.py",
                "-k",
                NUMBERS,
            ],
            cwd=self.service,
            capture_output=True,
            encoding="utf-8",
        )
        assert done.returncode in {0, 1}, done.stdout + done.stderr
        return done.stdout if done.returncode else ""


@pytest.mark.parametrize(("provider", "strategy"), EACH)
def test_rendered_numbers_fit_and_one_more_instance_would_not(bake: Bake, provider: str, strategy: str) -> None:
    numbers = Numbers(provider, strategy)
    project = bake(Combination(next(iter(FRAMEWORKS)), strategy, next(iter(DRIVERS)), provider))
    service = yaml.safe_load(project.read("deploy/service.yaml"))
    instances = int(service["metadata"]["annotations"]["run.googleapis.com/maxScale"])
    concurrency = service["spec"]["template"]["spec"]["containerConcurrency"]
    limit = tomllib.loads(project.read("deploy/limits.toml"))["connections"]
    assert instances >= 1
    assert numbers.needed(instances, concurrency) <= limit
    bound = STRATEGIES[strategy]["most_instances"]
    assert instances == bound or numbers.needed(instances + 1, concurrency) > limit
    budget: dict[str, Any] = {}
    exec(project.read("app/database/budget.py"), budget)
    assert min(bound, budget["instances_that_fit"](limit, concurrency)) == instances
    assert budget["connections_needed"](instances, concurrency) == numbers.needed(instances, concurrency)
    spelled_out = f"= ({instances} + 1) x {concurrency} + 1 = {numbers.needed(instances, concurrency)} <= {limit}, the"
    assert spelled_out in project.read("deploy/README.md")


def test_more_instances_than_the_database_takes(owner: Owner, numbers: Numbers) -> None:
    fitting = (numbers.connections - 1) // numbers.concurrency - 1
    instances = fitting + 1
    owner.change("deploy/service.yaml", r'maxScale: "\d+"', f'maxScale: "{instances}"')
    needed = numbers.needed(instances, numbers.concurrency)
    said = owner.findings()
    assert f"({instances} instances + 1 tagged) x {numbers.concurrency} connections + 1 for migrations" in said
    assert f"= {needed} connections, and the database takes {numbers.connections}" in said
    assert f"lower maxScale in deploy/service.yaml to {fitting}, " in said


def test_maximum_of_a_revision(owner: Owner) -> None:
    owner.change(
        "deploy/service.yaml",
        r'( +)(run.googleapis.com/startup-cpu-boost: "true")',
        r'\1\2\n\1autoscaling.knative.dev/maxScale: "3"',
    )
    assert "move it to run.googleapis.com/maxScale" in owner.findings()


def test_more_connections_for_each_instance(owner: Owner, numbers: Numbers) -> None:
    row = numbers.settings[0]
    name, default = row["name"], row["default"]
    field = f"{name}: int = Field(default="
    owner.change("app/database/settings.py", re.escape(field) + default, f"{field}900")
    concurrency = numbers.concurrency - int(default) + 900
    said = owner.findings()
    assert f"({numbers.instances} instances + 1 tagged) x {concurrency} connections + 1 for migrations" in said
    assert (
        f"Cloud Run sends an instance {numbers.concurrency} requests at once, and the settings admit {concurrency}"
        in said
    )


def test_setting_on_cloud_run_alone(owner: Owner, numbers: Numbers) -> None:
    name = numbers.settings[0]["name"]
    variable = f"          env:\n            - name: {name.upper()}\n              value: '1'\n"
    owner.change("deploy/service.yaml", r"          env:\n", variable)
    assert "set containerConcurrency in deploy/service.yaml" in owner.findings()


def test_smaller_database(owner: Owner, numbers: Numbers) -> None:
    owner.change("deploy/limits.toml", r"connections = \d+", "connections = 9")
    assert "and the database takes 9: lower maxScale" in owner.findings()
