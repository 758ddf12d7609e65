"""What is async in every FastAPI service: Starlette reads bodies as streams, and speaks WebSocket, in no other way."""

from fastapi import APIRouter, Request, WebSocket

router = APIRouter(prefix="/owner")


@router.post("/upload")
async def upload(request: Request) -> dict[str, int]:
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
    return {"bytes": received}


@router.websocket("/socket")
async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)
