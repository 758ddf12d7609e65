"""An application that somebody has already, with the folder app/database copied into it as shop/storage."""

from flask import Flask
from shop.storage.sessions import dispose_engine, reading, writing
from sqlalchemy import text

app = Flask("shop")


@app.post("/orders")
async def create_order() -> tuple[str, int]:
    async with writing() as session:
        await session.exec(text("INSERT INTO orders (item) VALUES ('tea')"))
    return "", 201


@app.get("/orders")
async def list_orders() -> list[str]:
    async with reading() as session:
        return list((await session.exec(text("SELECT item FROM orders"))).scalars())


@app.post("/end")
async def end() -> tuple[str, int]:
    await dispose_engine()
    return "", 200


with app.test_client() as client:
    print(client.post("/orders").status_code, client.get("/orders").json, client.post("/end").status_code)
