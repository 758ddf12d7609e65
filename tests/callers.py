"""Callers who send requests to a live service, and what each of them got."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event
from time import monotonic
from typing import Any

import httpx

from servers import wait_until
from storm import NO_ANSWER

#: Seconds after which a request counts as hung.
HUNG_AFTER = 60

#: Stands for a status where the caller gave up.
HUNG = -1


@dataclass(frozen=True)
class Answer:
    """What a caller got for one request: its status, or NO_ANSWER or HUNG."""

    caller: str
    method: str
    title: str
    status: int
    seconds: float
    body: str = ""
    #: Whether it is a 2xx or a 503 in its right form.
    is_right: bool = False

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


def is_right(response: httpx.Response) -> bool:
    if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
        return response.is_success
    return response.headers.get("content-type") == "application/problem+json" and "retry-after" in response.headers


@dataclass
class Record:
    """The requests that were sent, and what came back."""

    sent: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def note_sent(self, event: str, _: dict[str, Any]) -> None:
        if event == "http11.send_request_body.complete":
            self.sent.append(event)


class Caller:
    """Somebody who sends one request after the other and notes each answer."""

    def __init__(self, http: httpx.Client, name: str, record: Record) -> None:
        self.http = http
        self.name = name
        self.record = record

    def run(self, stop: Event) -> None:
        number = 0
        while not stop.is_set():
            self.write_and_read(f"{self.name}, note {number}")
            number += 1

    def write_and_read(self, title: str) -> None:
        """Create a note; where that succeeds, change its body and read it."""
        if created := self.send("POST", "/notes", title, "first"):
            path = f"/notes/{created.json()['id']}"
            self.send("PUT", path, title, "second")
            self.send("GET", path)

    def send(self, method: str, path: str, title: str = "", body: str = "") -> httpx.Response | None:
        """The response where the service did what was asked."""
        json = {"title": title, "body": body} if title else None
        started = monotonic()

        def noted(status: int, text: str, right: bool = False) -> Answer:
            answer = Answer(self.name, method, title, status, monotonic() - started, text, right)
            self.record.answers.append(answer)
            return answer

        try:
            response = self.http.request(method, path, json=json, extensions={"trace": self.record.note_sent})
        except httpx.HTTPError as error:
            noted(HUNG if isinstance(error, httpx.TimeoutException) else NO_ANSWER, repr(error))
            return None
        answer = noted(response.status_code, response.text[:300], is_right(response))
        return response if answer.is_success else None


class NoEventError(Exception):
    """Something did not happen."""


def until(condition: Callable[[], bool], event: str, seconds: float = 30) -> None:
    """Wait for an event.

    Raises:
        NoEventError: it did not happen in time.
    """
    if not wait_until(condition, seconds):
        raise NoEventError(f"in {seconds} seconds this did not happen: {event}")


class Load:
    """Callers at work."""

    def __init__(self, names: Sequence[str], answers: list[Answer]) -> None:
        self.names = names
        self.answers = answers

    def wait_for_answers(self, each: int) -> None:
        """Return when every caller has got so many more answers."""
        self._wait(each, lambda answer: True, f"each caller gets {each} answers")

    def wait_for_success(self) -> None:
        """Return when every caller has once more got what was asked."""
        self._wait(1, lambda answer: answer.is_success, "each caller succeeds again")

    def _wait(self, each: int, counts: Callable[[Answer], bool], event: str) -> None:
        start = len(self.answers)

        def all_have() -> bool:
            counted = Counter(answer.caller for answer in self.answers[start:] if counts(answer))
            return all(counted[name] >= each for name in self.names)

        until(all_have, event, seconds=(each + 1) * HUNG_AFTER)
