"""Whether the process runs, and whether the database answers it."""

import logging
from functools import partial
from http import HTTPStatus
from typing import Literal

from flask import Blueprint, abort
from pydantic import BaseModel
from spectree import Response
from sqlalchemy.exc import SQLAlchemyError

from app.database.connect_retry import connect_within
from app.database.errors import reason
from app.database.ping import ping
from app.web.database_calls import within
from app.web.openapi import api
from app.web.problems import Problem

log = logging.getLogger(__name__)

#: Seconds until the answer. Waking may take longer, but who asks wants to know now.
READY_TIMEOUT = 2

blueprint = Blueprint("health", __name__)


class Health(BaseModel):
    status: Literal["ok"] = "ok"


@blueprint.get("/health")
@api.validate(resp=Response(HTTP_200=Health), tags=["health"])
def health() -> Health:
    """Answer while the process runs; never asks the database, which such a question would keep awake."""
    return Health()


@blueprint.get("/ready")
@api.validate(resp=Response(HTTP_200=Health, HTTP_503=(Problem, "The database does not answer")), tags=["health"])
def ready() -> Health:
    """Answer when the database does; for people and smoke tests, not for probes."""
    try:
        with connect_within(READY_TIMEOUT):
            within(READY_TIMEOUT, partial(ping, READY_TIMEOUT))
    except (SQLAlchemyError, TimeoutError) as error:
        log.warning("The database is not ready: %s", reason(error))
        abort(HTTPStatus.SERVICE_UNAVAILABLE, "The database did not answer in time.")
    return Health()
