"""The connections of clients: none may take its time to send a header or to read an answer.

Uvicorn waits for both without end. Each such connection costs a file descriptor and memory, and a streamed answer that
nobody reads holds its slot.
"""

import asyncio
import logging
import sys
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from app.settings import get_settings
from app.web.problems import Problem

log = logging.getLogger(__name__)

#: Bytes of a request's first line and headers together. Long cookies and tokens would fill the 16 KiB that h11 has.
LARGEST_HEADER = 65536

#: Bytes that all answers together may wait to be read: an eighth of the memory in deploy/service.yaml.
LARGEST_UNREAD = 64 * 1024 * 1024

#: The status in the log of a request whose client left before it was answered. No client sees it; it is nginx's.
CLIENT_LEFT = 499

#: Where the state of a request's scope has its Outcome.
OUTCOME = "app.connections.outcome"


@dataclass
class Outcome:
    """What the server knows of a request, and the application does not."""

    #: The status by which the server, not the application, has ended the request; 0 where it has not.
    status: int = 0
    client_left: bool = False


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
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            # The answer has begun already.
            self.transport.abort()
            return
        error = sys.exception()
        status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else HTTPStatus.BAD_REQUEST
        is_handled = self.conn.our_state is h11.SEND_RESPONSE
        if is_handled:
            # RequestLog logs this request.
            outcome_of(self.cycle).status = int(status)
        self.answer(status, msg, is_logged=not is_handled)

    def answer(self, status: int, detail: str, is_logged: bool = True) -> None:
        """Answer in the place of the application, and close the connection."""
        problem = Problem.of(status, detail)
        headers = {**problem.headers, "content-length": str(len(problem.body)), "connection": "close"}
        headers |= {"x-content-type-options": "nosniff"}
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
        """Start the time in which the client must read some of what is written, while there is memory for it."""
        size = self.unread()
        if size and self.unread_timer is None:
            self.unread_timer = self.loop.call_later(self.send_timeout, self.end_reading, size)
            waiting.add(self)
            if sum(connection.unread() for connection in waiting) > LARGEST_UNREAD:
                max(waiting, key=Connection.unread).transport.abort()

    def unread(self) -> int:
        return self.transport.get_write_buffer_size()

    def end_reading(self, unread_before: int) -> None:
        self.stop_unread_timer()
        if self.unread() < unread_before:
            self.limit_reading()
        else:
            self.transport.abort()

    # The end

    def connection_lost(self, exc: Exception | None) -> None:
        if self.cycle and not self.cycle.response_complete:
            outcome = outcome_of(self.cycle)
            outcome.client_left = True
            if not self.cycle.response_started:
                outcome.status = outcome.status or CLIENT_LEFT
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
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
            waiting.discard(self)


#: The connections whose clients have not read all that is written.
waiting: set[Connection] = set()


def outcome_of(cycle: RequestResponseCycle) -> Outcome:
    outcome: Outcome = cycle.scope["state"].setdefault(OUTCOME, Outcome())
    return outcome
