"""The parameters that handlers of different resources share."""

from typing import Annotated
from uuid import UUID

from litestar.openapi.spec import Example
from litestar.params import PathParameter, QueryParameter

from app.database.base import LARGEST_ID
from app.web.pages import LONGEST_PAGE

Id = Annotated[int, PathParameter(ge=1, le=LARGEST_ID, examples=[Example(value=1)])]
UUIDId = Annotated[UUID, PathParameter()]
After = Annotated[
    int,
    QueryParameter(ge=0, le=LARGEST_ID, description="The id after which the page begins", examples=[Example(value=0)]),
]
Limit = Annotated[
    int, QueryParameter(ge=1, le=LONGEST_PAGE, description="How many items at most", examples=[Example(value=20)])
]
