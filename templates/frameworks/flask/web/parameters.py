"""The parameters that views of different resources share."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field

from app.database.base import LARGEST_ID
from app.web.notation import canonical_uuid, whole_number
from app.web.pages import LONGEST_PAGE

#: Stands last: before the bounds, it would hide them from the OpenAPI document.
IN_DIGITS = BeforeValidator(whole_number)

Id = Annotated[int, Field(ge=1, le=LARGEST_ID, examples=[1]), IN_DIGITS]
UUIDId = Annotated[UUID, BeforeValidator(canonical_uuid)]
After = Annotated[
    int, Field(ge=0, le=LARGEST_ID, description="The id after which the page begins", examples=[0]), IN_DIGITS
]
Limit = Annotated[int, Field(ge=1, le=LONGEST_PAGE, description="How many items at most", examples=[20]), IN_DIGITS]


class PageQuery(BaseModel):
    """The query of a list in pages; a list that takes more derives from it."""

    after: After = 0
    limit: Limit = 20
