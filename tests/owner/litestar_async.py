"""What owners of Litestar services add, run instead of `python -m app` in the service's own flavour."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from functools import partial
from threading import Event, Semaphore
from typing import Any

from litestar import Litestar, Request, Response, Router, get, post, websocket_listener
from litestar.background_tasks import BackgroundTask
from litestar.config.app import AppConfig
from litestar.config.cors import CORSConfig
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi import ResponseSpec
from litestar.plugins import InitPlugin
from litestar.response import Stream
from litestar_always_async import head_of_headed, mount, upload
from pydantic import BaseModel
from sqlmodel import col, func, select

from app import main as application
from app.__main__ import main
from app.database.sessions import reading, writing
from app.notes.models import Note
from app.web.body_limits import STREAMED
from app.web.problems import Problem

AnyRequest = Request[Any, Any, Any]
log = logging.getLogger(__name__)
released = Event()
#: How many of those who wait may go on.
turns = Semaphore(0)
#: More than the system keeps for a client that does not read.
LARGE = b"x" * 8_000_000


class Number(BaseModel):
    number: int


class Word(BaseModel):
    word: str


@get("/mapping")
async def mapping() -> None:
    raise HTTPException(status_code=400, extra={"code": 1, "title": "Out of stock"})


@get("/list")
async def details() -> None:
    raise HTTPException(status_code=400, extra=["a", "b"])


@get("/not-modified")
async def not_modified() -> None:
    raise HTTPException(status_code=304, headers={"etag": '"x"'})


@get("/refused")
async def refused() -> None:
    raise ValidationException("The colour is unknown.")


@get("/documented", responses={400: ResponseSpec(Problem, description="The colour is unknown")})
async def documented() -> dict[str, str]:
    return {"status": "ok"}


@get("/numbers")
async def numbers() -> list[Number]:
    return [Number(number=1)]


@get("/words")
async def words() -> list[Word]:
    return [Word(word="one")]


@get("/log")
async def say_hello(request: AnyRequest) -> None:
    request.logger.info("the owner says hello")


@get("/boom")
async def boom() -> None:
    raise RuntimeError("boom")


@get("/boom-later")
async def boom_later() -> Stream:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"begun"
        raise RuntimeError("boom")

    return Stream(chunks())


@get("/handled")
async def look_up() -> None:
    raise LookupError


def handled(request: AnyRequest, error: Exception) -> Response[dict[str, bool]]:
    return Response({"handled": True}, status_code=418)


@post("/background", status_code=202)
async def start_work() -> Response[None]:
    return Response(None, background=BackgroundTask(work))


async def work() -> None:
    while not released.is_set():
        await asyncio.sleep(0.01)


@post("/release", status_code=204)
async def release() -> None:
    released.set()


@get("/wait")
async def wait() -> dict[str, str]:
    log.info("the owner waits")
    while not turns.acquire(blocking=False):
        await asyncio.sleep(0.01)
    return {"status": "ok"}


@post("/turn", status_code=204)
async def give_turn() -> None:
    turns.release()


@get("/drops")
async def drops() -> Stream:
    async def chunks() -> AsyncIterator[str]:
        while True:
            yield "drop\n"
            await asyncio.sleep(0.01)

    return Stream(chunks(), media_type="text/plain")


@get("/large")
async def large() -> Response[bytes]:
    return Response(LARGE, media_type="text/plain")


@get("/headed")
async def headed() -> Response[None]:
    return Response(None, headers={"x-answered-by": "GET"})


@get("/stream")
async def stream() -> Stream:
    async def titles() -> AsyncIterator[str]:
        statement = select(Note.title).order_by(col(Note.id)).execution_options(yield_per=10)
        async with reading() as session:
            async for title in await session.stream_scalars(statement):
                yield f"{title}\n"

    return Stream(titles(), media_type="text/plain")


@get("/endless")
async def endless() -> Stream:
    async def times() -> AsyncIterator[str]:
        async with writing() as session:
            while True:
                rows = await session.exec(select(func.clock_timestamp()))
                # As long as that, sending it waits for the client.
                yield str(rows.one()).ljust(1_000_000)

    return Stream(times(), media_type="text/plain")


@websocket_listener("/socket")
async def socket(data: str) -> str:
    return data


@get("/url", name="url")
async def url(request: AnyRequest) -> dict[str, str]:
    return {"url": request.url_for("url"), "client": request.client.host if request.client else ""}


router = Router(
    "/owner",
    route_handlers=[
        mapping,
        details,
        not_modified,
        refused,
        documented,
        numbers,
        words,
        say_hello,
        boom,
        boom_later,
        look_up,
        start_work,
        release,
        wait,
        give_turn,
        drops,
        large,
        head_of_headed,
        headed,
        stream,
        endless,
        upload,
        socket,
        url,
        mount,
    ],
    tags=["owner"],
)


class Owner(InitPlugin):
    """Litestar's own way to change the arguments that main.py gives to the application."""

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        app_config.route_handlers.append(router)
        if "OWNER_CORS" in os.environ:
            app_config.cors_config = CORSConfig(allow_origins=["https://a.example"])
        if "OWNER_HANDLES_EXCEPTIONS" in os.environ:
            app_config.exception_handlers[Exception] = handled
        return app_config


STREAMED.add("/owner/upload")
application.Litestar = partial(Litestar, plugins=[Owner()])
main()
