"""Every combination that the tables allow, and the rendered service of each."""

import json
import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from cookiecutter.main import cookiecutter

TEMPLATE = Path(__file__).parent.parent
CONTEXT: dict[str, Any] = json.loads((TEMPLATE / "cookiecutter.json").read_text())
FRAMEWORKS: dict[str, Any] = CONTEXT["_frameworks"]
STRATEGIES: dict[str, Any] = CONTEXT["_pooling_strategies"]
DRIVERS: dict[str, Any] = CONTEXT["_drivers"]


@dataclass(frozen=True)
class Combination:
    framework: str
    pooling_strategy: str
    driver: str

    def __str__(self) -> str:
        return f"{self.framework}-{self.pooling_strategy}-{self.driver}"

    @property
    def answers(self) -> dict[str, str]:
        return {"framework": self.framework, "pooling_strategy": self.pooling_strategy, "driver": self.driver}

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
        return self.flavour in FRAMEWORKS[self.framework]["flavours"]


EVERY = [Combination(*choices) for choices in product(FRAMEWORKS, STRATEGIES, DRIVERS)]
SUPPORTED = [combination for combination in EVERY if combination.is_supported]
each_combination = pytest.mark.parametrize("combination", SUPPORTED, ids=str)
REFUSED = [combination for combination in EVERY if not combination.is_supported]


@dataclass(frozen=True)
class BakedProject:
    """A rendered service."""

    combination: Combination
    path: Path

    @property
    def files(self) -> dict[str, str]:
        """The text of each file by its path."""
        return {
            str(file.relative_to(self.path)): file.read_text()
            for file in sorted(self.path.rglob("*"))
            if file.is_file()
            and not re.search(r"(^|/)(\.venv|\w*_cache|__pycache__|uv\.lock)", str(file.relative_to(self.path)))
        }

    def read(self, path: str) -> str:
        return (self.path / path).read_text()


def rendered(combination: Combination, folder: Path) -> BakedProject:
    """The combination's service, for those who have no fixture to render it."""
    path = cookiecutter(
        str(TEMPLATE),
        no_input=True,
        extra_context=combination.answers,
        output_dir=str(folder / str(combination)),
        # They only say what to do next.
        accept_hooks=False,
    )
    return BakedProject(combination, Path(path))
