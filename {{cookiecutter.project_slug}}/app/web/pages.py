"""Lists in pages. A page says where the next one begins (keyset pagination), so no query needs OFFSET."""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel, Field

LONGEST_PAGE = 100

Item = TypeVar("Item", bound=BaseModel)


class Row(Protocol):
    """A row of a list that is ordered by id."""

    id: int


class Page(BaseModel, Generic[Item]):
    """Some items, and where the next ones begin."""

    items: list[Item]
    next_after: int | None = Field(
        description="Give it as after to get the next page; null on the last page.", examples=[1]
    )


def page_of(model: type[Item], rows: Sequence[Row], limit: int) -> Page[Item]:
    """The first rows as items; a row beyond the limit says that there is a next page."""
    items = [model.model_validate(row) for row in rows[:limit]]
    return Page(items=items, next_after=rows[limit - 1].id if len(rows) > limit else None)
