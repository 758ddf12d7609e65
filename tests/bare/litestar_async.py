"""An application that somebody has already, with the folder app/database copied into it as shop/storage."""

from litestar import get, post
from litestar.testing import create_test_client
from shop.storage.sessions import dispose_engine, reading, writing
from sqlalchemy import text


@post("/orders")
async def create_order() -> None:
    async with writing() as session:
        await session.exec(text("INSERT INTO orders (item) VALUES ('tea')"))


@get("/orders")
async def list_orders() -> list[str]:
    async with reading() as session:
        return list((await session.exec(text("SELECT item FROM orders"))).scalars())


@post("/end", status_code=200)
async def end() -> None:
    await dispose_engine()


with create_test_client([create_order, list_orders, end], logging_config=None) as client:
    print(client.post("/orders").status_code, client.get("/orders").json(), client.post("/end").status_code)
