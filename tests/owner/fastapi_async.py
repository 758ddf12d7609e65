"""What owners of FastAPI services add, run instead of `python -m app` in the service's own flavour."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from threading import Event, Semaphore

from fastapi import APIRouter, BackgroundTasks, FastAPI, HTTPException, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi_always_async import router as always_async
from pydantic import BaseModel
from sqlmodel import col, func, select

from app import main as application
from app.__main__ import main
from app.database.sessions import reading, writing
from app.notes.models import Note
from app.web.body_limits import STREAMED
from app.web.problems import Problem

log = logging.getLogger(__name__)
router = APIRouter(prefix="/owner", tags=["owner"])
below = FastAPI()
#: More than the system keeps for a client that does not read.
LARGE = b"x" * 8_000_000
released = Event()
#: How many of those who wait may go on.
turns = Semaphore(0)


class Number(BaseModel):
    number: int


class Word(BaseModel):
    word: str


@router.get("/mapping")
async def mapping() -> None:
    raise HTTPException(400, {"code": 1, "title": "Out of stock"})


@router.get("/list")
async def details() -> None:
    raise HTTPException(400, ["a", "b"])


@router.get("/not-modified")
async def not_modified() -> None:
    raise HTTPException(304, headers={"etag": '"x"'})


@router.get("/refused")
async def refused() -> None:
    raise HTTPException(422, "The colour is unknown.")


@router.get("/documented", responses={400: {"model": Problem, "description": "The colour is unknown"}})
async def documented() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/numbers")
async def numbers() -> list[Number]:
    return [Number(number=1)]


@router.get("/words")
async def words() -> list[Word]:
    return [Word(word="one")]


@router.get("/log")
async def say_hello() -> None:
    log.info("the owner says hello")


@router.get("/boom")
async def boom() -> None:
    raise RuntimeError("boom")


@router.get("/boom-later")
async def boom_later() -> StreamingResponse:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"begun"
        raise RuntimeError("boom")

    return StreamingResponse(chunks())


@router.get("/handled")
async def look_up() -> None:
    raise LookupError


async def handled(request: Request, error: Exception) -> Response:
    return JSONResponse({"handled": True}, 418)


@router.post("/background", status_code=202)
async def start_work(background: BackgroundTasks) -> None:
    background.add_task(work)


async def work() -> None:
    while not released.is_set():
        await asyncio.sleep(0.01)


@router.post("/release", status_code=204)
async def release() -> None:
    released.set()


@router.get("/wait")
async def wait() -> dict[str, str]:
    log.info("the owner waits")
    while not turns.acquire(blocking=False):
        await asyncio.sleep(0.01)
    return {"status": "ok"}


@router.post("/turn", status_code=204)
async def give_turn() -> None:
    turns.release()


@router.get("/drops", response_class=StreamingResponse)
async def drops() -> AsyncIterator[str]:
    while True:
        yield "drop\n"
        await asyncio.sleep(0.01)


@router.get("/large")
async def large() -> Response:
    return Response(LARGE, media_type="text/plain")


@router.head("/headed")
async def head_of_headed() -> Response:
    return Response(headers={"x-answered-by": "HEAD"})


@router.get("/headed")
async def headed() -> Response:
    return Response(headers={"x-answered-by": "GET"})


@router.get("/stream")
async def stream() -> StreamingResponse:
    async def titles() -> AsyncIterator[str]:
        statement = select(Note.title).order_by(col(Note.id)).execution_options(yield_per=10)
        async with reading() as session:
            async for title in await session.stream_scalars(statement):
                yield f"{title}\n"

    return StreamingResponse(titles(), media_type="text/plain")


@router.get("/endless", response_class=StreamingResponse)
async def endless() -> AsyncIterator[str]:
    async with writing() as session:
        while True:
            rows = await session.exec(select(func.clock_timestamp()))
            # As long as that, sending it waits for the client.
            yield str(rows.one()).ljust(1_000_000)


@router.get("/url", name="url")
async def url(request: Request) -> dict[str, str]:
    return {"url": str(request.url_for("url")), "client": request.client.host if request.client else ""}


@below.get("/here")
async def here() -> dict[str, str]:
    return {"status": "ok"}


create_app = application.create_app


def create_owner_app() -> FastAPI:
    app = create_app()
    app.include_router(router)
    app.include_router(always_async)
    app.mount("/owner/below", below)
    if "OWNER_CORS" in os.environ:
        app.add_middleware(CORSMiddleware, allow_origins=["https://a.example"])
    if "OWNER_HANDLES_EXCEPTIONS" in os.environ:
        app.add_exception_handler(Exception, handled)
    return app


STREAMED.add("/owner/upload")
application.create_app = create_owner_app
main()
