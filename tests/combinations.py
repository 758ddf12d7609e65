"""Every combination that the tables allow, and the rendered service of each."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from cookiecutter.main import cookiecutter

from cloudrun_postgres_template.tables import context

TEMPLATE = Path(__file__).parent.parent
CONTEXT = context()
FRAMEWORKS: dict[str, Any] = CONTEXT["_frameworks"]
PROVIDERS: dict[str, Any] = CONTEXT["_providers"]
STRATEGIES: dict[str, Any] = CONTEXT["_pooling_strategies"]
DRIVERS: dict[str, Any] = CONTEXT["_drivers"]

#: The one whose services the tests run on real servers. A provider changes numbers, words and URLs, no engine.
FIRST_PROVIDER: str = CONTEXT["provider"][0]


@dataclass(frozen=True)
class Combination:
    framework: str
    pooling_strategy: str
    driver: str
    provider: str = FIRST_PROVIDER

    def __str__(self) -> str:
        provider = "" if self.provider == FIRST_PROVIDER else f"-{self.provider}"
        return f"{self.framework}-{self.pooling_strategy}-{self.driver}{provider}"

    @property
    def answers(self) -> dict[str, str]:
        return {
            "framework": self.framework,
            "provider": self.provider,
            "pooling_strategy": self.pooling_strategy,
            "driver": self.driver,
        }

    @property
    def flavour(self) -> str:
        flavour: str = DRIVERS[self.driver]["flavour"]
        return flavour

    @property
    def endpoint(self) -> str:
        endpoint: str = STRATEGIES[self.pooling_strategy]["endpoint"]
        return endpoint

    @property
    def is_supported(self) -> bool:
        has_pooler = self.pooling_strategy in PROVIDERS[self.provider]["strategies"]
        return has_pooler and self.flavour in FRAMEWORKS[self.framework]["flavours"]

    @property
    def engine(self) -> tuple[str, str]:
        """What app/database depends on."""
        return self.pooling_strategy, self.driver

    @property
    def framework_flavour(self) -> tuple[str, str]:
        """What the routes depend on."""
        return self.framework, self.flavour


def frameworks_in_turn() -> list[Combination]:
    """One combination for each engine, with the frameworks that go with its driver taking turns.

    Two drivers of one flavour begin with different frameworks, so each framework meets several strategies.
    """
    chosen = []
    for (strategy_number, strategy), driver in product(enumerate(STRATEGIES), DRIVERS):
        alike = [name for name, row in DRIVERS.items() if row["flavour"] == DRIVERS[driver]["flavour"]]
        fitting = [name for name, row in FRAMEWORKS.items() if DRIVERS[driver]["flavour"] in row["flavours"]]
        framework = fitting[(strategy_number + alike.index(driver)) % len(fitting)]
        chosen.append(Combination(framework, strategy, driver))
    return chosen


def connect_args(driver: str, endpoint: str) -> str:
    """The source of the connect arguments of this driver at this endpoint."""
    part = DRIVERS[driver]["connect_args"][endpoint]
    return (TEMPLATE / "templates" / "connect_args" / f"{part}.py").read_text(encoding="utf-8")


#: The drivers' arguments against named prepared statements.
AGAINST_NAMES = {"prepare_threshold", "prepared_statement_cache_size", "statement_cache_size"}


def arguments_against_names(combination: Combination) -> list[str]:
    """The lines of the connect arguments that keep the driver from naming its statements."""
    lines = connect_args(combination.driver, combination.endpoint).splitlines(keepends=True)
    return [line for line in lines if line.strip().startswith(tuple(f'"{name}"' for name in AGAINST_NAMES))]


EVERY = [Combination(*choices) for choices in product(FRAMEWORKS, STRATEGIES, DRIVERS)]
SUPPORTED = [combination for combination in EVERY if combination.is_supported]
#: The same with each provider.
RENDERED = [
    combination
    for provider in PROVIDERS
    for combination in (replace(c, provider=provider) for c in SUPPORTED)
    if combination.is_supported
]
REFUSED = [combination for combination in EVERY if not combination.is_supported]

#: Those that run on real servers in `make test`; `make test-all` runs every other one as well.
LIVE = frameworks_in_turn()
REST = [combination for combination in SUPPORTED if combination not in LIVE]

#: One for each way in which routes are written: a framework, sync or async.
FLAVOURS = [
    next(combination for combination in LIVE if combination.framework_flavour == framework_flavour)
    for framework_flavour in dict.fromkeys(combination.framework_flavour for combination in SUPPORTED)
]


def each(combinations: Iterable[Combination], rest: Sequence[Combination] = REST) -> pytest.MarkDecorator:
    """Run a test for each of these, those that take part in `make test-all` only among them."""
    marked = [pytest.param(c, marks=pytest.mark.rest if c in rest else (), id=str(c)) for c in combinations]
    return pytest.mark.parametrize("combination", marked)


def with_providers_in_turn(combinations: Sequence[Combination]) -> list[Combination]:
    """The same combinations, with the providers that have their strategy taking turns."""
    return [
        replace(c, provider=fitting[number % len(fitting)])
        for number, c in enumerate(combinations)
        for fitting in [[name for name, row in PROVIDERS.items() if c.pooling_strategy in row["strategies"]]]
    ]


def one_for_each_provider_and_flavour() -> list[Combination]:
    return [
        next(c for c in RENDERED if (c.provider, c.flavour) == (provider, flavour))
        for provider, flavour in product(PROVIDERS, ("sync", "async"))
    ]


each_combination = pytest.mark.parametrize("combination", SUPPORTED, ids=str)
#: With the providers beside the first.
each_with_another_provider = pytest.mark.parametrize(
    "combination", [c for c in RENDERED if c.provider != FIRST_PROVIDER], ids=str
)
each_live_combination = each(LIVE + REST)
each_engine = each(LIVE)
#: Without those whose owner's service tests itself in test_owner_path.py.
each_without_an_owner = each(
    with_providers_in_turn([c for c in LIVE if c not in FLAVOURS]) + FLAVOURS + REST, rest=REST + FLAVOURS
)
#: The types depend on a provider only in files that are the same for all frameworks and strategies, and on its flavour.
each_type = pytest.mark.parametrize(
    "combination", list(dict.fromkeys([*SUPPORTED, *one_for_each_provider_and_flavour()])), ids=str
)


@dataclass(frozen=True)
class BakedProject:
    """A rendered service."""

    combination: Combination
    path: Path

    @property
    def files(self) -> dict[str, str]:
        """The text of each file by its path."""
        return {
            file.relative_to(self.path).as_posix(): file.read_text(encoding="utf-8")
            for file in sorted(self.path.rglob("*"))
            if file.is_file()
            and not re.search(r"(^|/)(\.venv|\w*_cache|__pycache__|uv\.lock)", file.relative_to(self.path).as_posix())
        }

    def read(self, path: str) -> str:
        return (self.path / path).read_text(encoding="utf-8")


def rendered(combination: Combination, folder: Path, **answers: str) -> BakedProject:
    """The combination's service with these other answers, for those who have no fixture to render it."""
    path = cookiecutter(
        str(TEMPLATE),
        no_input=True,
        extra_context=combination.answers | answers,
        output_dir=str(folder / str(combination)),
        # They only say what to do next.
        accept_hooks=False,
    )
    return BakedProject(combination, Path(path))
