"""The parameters that handlers of different resources share."""

from typing import Annotated
from uuid import UUID

from fastapi import Path, Query

from app.database.base import LARGEST_ID
from app.web.pages import LONGEST_PAGE

Id = Annotated[int, Path(ge=1, le=LARGEST_ID, examples=[1])]
UUIDId = Annotated[UUID, Path()]
After = Annotated[int, Query(ge=0, le=LARGEST_ID, description="The id after which the page begins", examples=[0])]
Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE, description="How many items at most", examples=[20])]
