"""What owners of Flask services add, run instead of `python -m app`. Flask services are sync, and so is this text."""

import logging
import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from http import HTTPStatus
from threading import Event, Semaphore

from flask import Blueprint, Flask, Response, abort, current_app, request, url_for
from pydantic import BaseModel
from spectree import Response as Documented
from sqlmodel import col, func, select

from app import main as application
from app.__main__ import main
from app.database.sessions import reading, writing
from app.notes.models import Note
from app.web.body_limits import STREAMED
from app.web.openapi import api
from app.web.problems import Problem

log = logging.getLogger(__name__)
blueprint = Blueprint("owner", __name__, url_prefix="/owner")
below = Blueprint("below", __name__, url_prefix="/below")
background = ThreadPoolExecutor(thread_name_prefix="background")
released = Event()
#: How many of those who wait may go on.
turns = Semaphore(0)
#: More than the system keeps for a client that does not read.
LARGE = b"x" * 8_000_000


class Number(BaseModel):
    number: int


class Word(BaseModel):
    word: str


class Status(BaseModel):
    status: str = "ok"


@blueprint.get("/mapping")
def mapping() -> str:
    abort(400, {"code": 1, "title": "Out of stock"})


@blueprint.get("/list")
def details() -> str:
    abort(400, ["a", "b"])


@blueprint.get("/not-modified")
def not_modified() -> str:
    abort(Response(status=304, headers={"ETag": '"x"'}))


@blueprint.get("/refused")
def refused() -> str:
    abort(422, "The colour is unknown.")


@blueprint.get("/documented")
@api.validate(resp=Documented(HTTP_200=Status, HTTP_400=(Problem, "The colour is unknown")), tags=["owner"])
def documented() -> Status:
    return Status()


@blueprint.get("/numbers")
@api.validate(resp=Documented(HTTP_200=list[Number]), tags=["owner"])
def numbers() -> list[Number]:
    return [Number(number=1)]


@blueprint.get("/words")
@api.validate(resp=Documented(HTTP_200=list[Word]), tags=["owner"])
def words() -> list[Word]:
    return [Word(word="one")]


@blueprint.get("/log")
def say_hello() -> dict[str, str]:
    current_app.logger.info("the owner says hello")
    return {"status": "ok"}


@blueprint.get("/boom")
def boom() -> str:
    raise RuntimeError("boom")


@blueprint.get("/boom-later")
def boom_later() -> Response:
    def chunks() -> Iterator[bytes]:
        yield b"begun"
        raise RuntimeError("boom")

    return Response(chunks())


@blueprint.get("/handled")
def look_up() -> str:
    raise LookupError


def handled(error: Exception) -> tuple[dict[str, bool], int]:
    return {"handled": True}, 418


@blueprint.post("/background")
def start_work() -> tuple[str, HTTPStatus]:
    # The context has the request's trace, for the log lines of the work.
    background.submit(copy_context().run, work).add_done_callback(log_failure)
    return "", HTTPStatus.ACCEPTED


def work() -> None:
    released.wait()


def log_failure(done: Future[None]) -> None:
    if error := done.exception():
        log.error("The background work failed", exc_info=error)


@blueprint.post("/release")
def release() -> tuple[str, HTTPStatus]:
    released.set()
    return "", HTTPStatus.NO_CONTENT


@blueprint.get("/wait")
def wait() -> dict[str, str]:
    log.info("the owner waits")
    turns.acquire()
    return {"status": "ok"}


@blueprint.post("/turn")
def give_turn() -> tuple[str, HTTPStatus]:
    turns.release()
    return "", HTTPStatus.NO_CONTENT


@blueprint.get("/drops")
def drops() -> Response:
    def chunks() -> Iterator[str]:
        while True:
            yield "drop\n"
            time.sleep(0.01)

    return Response(chunks(), mimetype="text/plain")


@blueprint.get("/large")
def large() -> Response:
    return Response(LARGE, mimetype="text/plain")


@blueprint.route("/headed", methods=["HEAD"])
def head_of_headed() -> Response:
    return Response(headers={"x-answered-by": "HEAD"})


@blueprint.get("/headed")
def headed() -> Response:
    return Response(headers={"x-answered-by": "GET"})


@blueprint.get("/stream")
def stream() -> Response:
    def titles() -> Iterator[str]:
        statement = select(Note.title).order_by(col(Note.id)).execution_options(yield_per=10)
        with reading() as session:
            for title in session.scalars(statement):
                yield f"{title}\n"

    return Response(titles(), mimetype="text/plain")


@blueprint.get("/endless")
def endless() -> Response:
    def times() -> Iterator[str]:
        with writing() as session:
            while True:
                # As long as that, sending it waits for the client.
                yield str(session.exec(select(func.clock_timestamp())).one()).ljust(1_000_000)

    return Response(times(), mimetype="text/plain")


@blueprint.post("/upload")
def upload() -> dict[str, int]:
    received = 0
    while chunk := request.stream.read(65536):
        received += len(chunk)
    return {"bytes": received}


@blueprint.get("/url")
def url() -> dict[str, str]:
    return {"url": url_for(".url", _external=True), "client": request.remote_addr or ""}


@below.get("/here")
def here() -> dict[str, str]:
    return {"status": "ok"}


blueprint.register_blueprint(below)
create_app = application.create_app


def create_owner_app() -> Flask:
    app = create_app()
    app.register_blueprint(blueprint)
    if "OWNER_CORS" in os.environ:
        from flask_cors import CORS

        CORS(app, origins=["https://a.example"])
    if "OWNER_HANDLES_EXCEPTIONS" in os.environ:
        app.register_error_handler(Exception, handled)
    return app


STREAMED.add("/owner/upload")
application.create_app = create_owner_app
main()
