"""The connections of clients: none may take its time to send a header or to read an answer.

Uvicorn waits for both without end. Each such connection costs a file descriptor and memory, and a streamed answer that
nobody reads holds its slot.
"""

import asyncio
import logging
import sys
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.settings import get_settings
from app.web.problems import Problem

log = logging.getLogger(__name__)

#: Bytes of a request's first line and headers together; Cloud Run's front end lets no more through.
LARGEST_HEADER = 65536

#: Where the state of a request's scope says how the server itself has answered it.
ANSWERED = "app.connections.answered"


class Connection(H11Protocol):
    """A connection of Uvicorn with time-outs."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        settings = get_settings()
        self.header_timeout = settings.header_timeout
        self.send_timeout = settings.send_timeout
        self.header_timer: asyncio.TimerHandle | None = None
        self.unread_timer: asyncio.TimerHandle | None = None

    # The header

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.limit_header()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.limit_header()

    def limit_header(self) -> None:
        """Start or stop the time in which the client must go on."""
        if not self.awaits_client():
            self.stop_header_timer()
        elif self.header_timer is None:
            self.header_timer = self.loop.call_later(self.header_timeout, self.end_header)

    def awaits_client(self) -> bool:
        """Whether a header is to come, or the rest of a body after its answer, which nobody reads."""
        if self.conn.their_state is h11.SEND_BODY:
            return self.conn.our_state is h11.DONE
        return self.conn.their_state is h11.IDLE

    def end_header(self) -> None:
        has_begun = self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]
        if has_begun and not self.transport.is_closing():
            self.answer(HTTPStatus.REQUEST_TIMEOUT, "The header did not arrive in time.")
        self.transport.close()

    # What is no HTTP

    def send_400_response(self, msg: str) -> None:
        """Answer what Uvicorn cannot read as HTTP."""
        error = sys.exception()
        status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else HTTPStatus.BAD_REQUEST
        cycle = self.cycle
        is_handled = cycle is not None and not cycle.response_complete
        if is_handled and cycle.response_started:
            self.transport.abort()
            return
        if is_handled:
            # RequestLog logs this request.
            self.scope["state"][ANSWERED] = status
        self.answer(status, msg, is_logged=not is_handled)

    def answer(self, status: int, detail: str, is_logged: bool = True) -> None:
        """Answer in the place of the application, and close the connection."""
        problem = Problem.of(status, detail)
        headers = {**problem.headers, "content-length": str(len(problem.body)), "connection": "close"}
        response = h11.Response(status_code=status, headers=list(headers.items()))
        for event in (response, h11.Data(data=problem.body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
        self.limit_reading()
        if is_logged:
            log.info("A request could not be read: %d", status, extra={"fields": {"httpRequest": {"status": status}}})

    # The answer

    def pause_writing(self) -> None:
        super().pause_writing()
        self.limit_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self.stop_unread_timer()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.limit_reading()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self.limit_reading()

    def limit_reading(self) -> None:
        """Start the time in which the client must read some of what is written."""
        unread = self.transport.get_write_buffer_size()
        if unread and self.unread_timer is None:
            self.unread_timer = self.loop.call_later(self.send_timeout, self.end_reading, unread)

    def end_reading(self, unread_before: int) -> None:
        self.unread_timer = None
        if self.transport.get_write_buffer_size() < unread_before:
            self.limit_reading()
        else:
            self.transport.abort()

    # The end

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.stop_header_timer()
        self.stop_unread_timer()

    def stop_header_timer(self) -> None:
        if self.header_timer:
            self.header_timer.cancel()
            self.header_timer = None

    def stop_unread_timer(self) -> None:
        if self.unread_timer:
            self.unread_timer.cancel()
            self.unread_timer = None
