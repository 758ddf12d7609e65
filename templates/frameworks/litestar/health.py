"""Whether the process runs, and whether the database answers it."""

import logging
from http import HTTPStatus
from typing import Literal

from litestar import get
from litestar.exceptions import ServiceUnavailableException
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from app.database.check import ping
from app.database.patience import at_most
from app.openapi import problems
from app.probe import within

log = logging.getLogger(__name__)

#: Seconds until the answer, less than waking may take: who asks wants to know now.
READY_TIMEOUT = 2

UNAVAILABLE = {HTTPStatus.SERVICE_UNAVAILABLE: "The database does not answer"}


class Health(BaseModel):
    status: Literal["ok"] = "ok"


@get("/health", tags=["health"])
async def health() -> Health:
    """Answer while the process runs; never asks the database, which such a question would keep awake."""
    return Health()


@get("/ready", tags=["health"], responses=problems(UNAVAILABLE))
async def ready() -> Health:
    """Answer when the database does; for people and smoke tests, not for probes."""
    try:
        with at_most(READY_TIMEOUT):
            await within(READY_TIMEOUT, ping)
    except (SQLAlchemyError, TimeoutError) as error:
        log.warning("The database did not answer: %s: %s", type(error).__name__, error)
        raise ServiceUnavailableException("The database did not answer in time.") from None
    return Health()
