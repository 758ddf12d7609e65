"""Whether the process runs, and whether the database answers it."""

import logging
from functools import partial
from http import HTTPStatus
from typing import Literal

from litestar import get
from litestar.exceptions import ServiceUnavailableException
from litestar.openapi import ResponseSpec
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from app.database.connect_retry import connect_within
from app.database.errors import reason
from app.database.ping import ping
from app.web.database_calls import within
from app.web.problems import Problem

log = logging.getLogger(__name__)

#: Seconds until the answer. Waking may take longer, but who asks wants to know now.
READY_TIMEOUT = 2


class Health(BaseModel):
    status: Literal["ok"] = "ok"


@get("/health", tags=["health"])
async def health() -> Health:
    """Answer while the process runs; never asks the database, which such a question would keep awake."""
    return Health()


@get(
    "/ready",
    tags=["health"],
    responses={HTTPStatus.SERVICE_UNAVAILABLE: ResponseSpec(Problem, description="The database does not answer")},
)
async def ready() -> Health:
    """Answer when the database does; for people and smoke tests, not for probes."""
    try:
        with connect_within(READY_TIMEOUT):
            await within(READY_TIMEOUT, partial(ping, READY_TIMEOUT))
    except (SQLAlchemyError, TimeoutError) as error:
        log.warning("The database is not ready: %s", reason(error))
        raise ServiceUnavailableException("The database did not answer in time.") from None
    return Health()
