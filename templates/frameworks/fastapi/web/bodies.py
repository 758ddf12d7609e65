"""How FastAPI reads a body."""

from http import HTTPStatus

from starlette.exceptions import HTTPException


def is_unreadable(error: HTTPException) -> bool:
    """Whether FastAPI itself says 400, which it does of a body that it cannot decode, or that is nested too deep.

    It raises the error in its own code. A handler's 400 comes from the handler's code.
    """
    traceback = error.__traceback__
    if error.status_code != HTTPStatus.BAD_REQUEST or traceback is None:
        return False
    while traceback.tb_next:
        traceback = traceback.tb_next
    return traceback.tb_frame.f_globals.get("__name__") == "fastapi.routing"
