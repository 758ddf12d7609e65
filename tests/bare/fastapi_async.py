"""An application that somebody has already, with the folder app/database copied into it as shop/storage."""

from fastapi import FastAPI
from fastapi.testclient import TestClient
from shop.storage.sessions import dispose_engine, reading, writing
from sqlalchemy import text

app = FastAPI()


@app.post("/orders", status_code=201)
async def create_order() -> None:
    async with writing() as session:
        await session.exec(text("INSERT INTO orders (item) VALUES ('tea')"))


@app.get("/orders")
async def list_orders() -> list[str]:
    async with reading() as session:
        return list((await session.exec(text("SELECT item FROM orders"))).scalars())


@app.post("/end")
async def end() -> None:
    await dispose_engine()


with TestClient(app) as client:
    print(client.post("/orders").status_code, client.get("/orders").json(), client.post("/end").status_code)
