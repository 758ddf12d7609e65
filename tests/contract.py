"""What a service answers, whichever framework it is written with: one list of requests and their answers.

Left to each framework (docs/frameworks.md): OPTIONS, superfluous slashes, the words that explain invalid input, and how
many parts of a request they look into.
"""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

#: The notes that there are when a request is sent, as SQL and as the service returns them.
NOTES = """
    TRUNCATE note RESTART IDENTITY;
    INSERT INTO note (title, body, created_at, updated_at) VALUES
    ('Milk', 'Two litres.', '2026-01-02 03:04:05.678901+00', '2026-01-02 03:04:05.678901+00'),
    ('Bread', '', '2026-01-03 00:00:00+00', '2026-01-04 00:00:00+00');
"""
MILK = {
    "id": 1,
    "title": "Milk",
    "body": "Two litres.",
    "created_at": "2026-01-02T03:04:05.678901Z",
    "updated_at": "2026-01-02T03:04:05.678901Z",
}
BREAD = {
    "id": 2,
    "title": "Bread",
    "body": "",
    "created_at": "2026-01-03T00:00:00Z",
    "updated_at": "2026-01-04T00:00:00Z",
}

LARGEST_ID = 2**53 - 1

#: Text that is no id and no number for a list, although one or the other library reads a number in it.
NO_NUMBERS = {
    "with a plus": "+1",
    "negative": "-1",
    "minus zero": "-0",
    "with a leading zero": "01",
    "with an underscore": "1_0",
    "with an exponent": "1e2",
    "with a fraction": "1.0",
    "with a space before it": " 1",
    "with a space after it": "1 ",
    "with a line's end": "1\n",
    "with NUL": "1\0",
    "of full-width digits": "\N{FULLWIDTH DIGIT ONE}",
    "of Arabic digits": "٣",
    "hexadecimal": "0x1",
    "of 5,000 digits": "1" * 5_000,
    "true": "true",
}

#: Stands for a time since the tests began.
NOW = "now"

#: A JSON object.
Answer = dict[str, Any]


@dataclass(frozen=True)
class Exchange:
    """A request, and what is expected of its answer: the status, the JSON body, some headers.

    An invalid input's errors are expected as the list of their locations.
    """

    method: str
    path: str
    status: int
    answer: Answer | None = None
    json: Any = None
    content: bytes | None = None
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def request(self) -> dict[str, Any]:
        """The arguments of httpx's request(), besides method and path."""
        if self.content is None:
            return {} if self.json is None else {"json": self.json}
        return {"content": self.content, "headers": {"content-type": self.content_type} if self.content_type else {}}


def note(number: int, title: str, body: str = "") -> Answer:
    return {"id": number, "title": title, "body": body, "created_at": NOW, "updated_at": NOW}


def page(*notes: Answer, next_after: int | None = None) -> Answer:
    return {"items": list(notes), "next_after": next_after}


def problem(status: int, title: str, detail: str | None = None, errors: list[str] | None = None) -> Answer:
    optional = {"detail": detail, "errors": errors}
    given = {name: value for name, value in optional.items() if value is not None}
    return {"type": "about:blank", "title": title, "status": status, **given}


def missing(number: int) -> Answer:
    return problem(404, "Not Found", f"There is no note {number}.")


def invalid(*locations: str) -> Answer:
    return problem(422, "Unprocessable Content", errors=list(locations))


CONFLICT = problem(409, "Conflict", "It contradicts what is already stored.")
UNKNOWN = problem(404, "Not Found")
WRONG_METHOD = problem(405, "Method Not Allowed")

JSON = "application/json"


def post(status: int, answer: Answer, json: Any = None, **rest: Any) -> Exchange:
    return Exchange("POST", "/notes", status, answer, json, **rest)


def get(path: str, status: int, answer: Answer) -> Exchange:
    return Exchange("GET", path, status, answer)


EXCHANGES = {
    "health": get("/health", 200, {"status": "ok"}),
    "ready": get("/ready", 200, {"status": "ok"}),
    "health, head": Exchange("HEAD", "/health", 200, headers={"content-type": JSON}),
    "ready, head": Exchange("HEAD", "/ready", 200, headers={"content-type": JSON}),
    "list, head": Exchange("HEAD", "/notes", 200, headers={"content-type": JSON}),
    "read, head": Exchange("HEAD", "/notes/1", 200, headers={"content-type": JSON}),
    "read, missing, head": Exchange("HEAD", "/notes/3", 404, headers={"content-type": "application/problem+json"}),
    "list": get("/notes", 200, page(MILK, BREAD)),
    "list, first page": get("/notes?limit=1", 200, page(MILK, next_after=1)),
    "list, second page": get("/notes?limit=1&after=1", 200, page(BREAD)),
    "list, after the last": get("/notes?after=2", 200, page()),
    "list, as much as is allowed": get(f"/notes?limit=100&after={LARGEST_ID}", 200, page()),
    "list, with an unknown parameter": get("/notes?colour=red", 200, page(MILK, BREAD)),
    "list, with a long query": get(f"/notes?colour={'x' * 6_000}", 200, page(MILK, BREAD)),
    "list, limit given twice": get("/notes?limit=1&limit=2", 200, page(MILK, BREAD)),
    "list, limit too small": get("/notes?limit=0", 422, invalid("query.limit")),
    "list, limit too large": get("/notes?limit=101", 422, invalid("query.limit")),
    "list, limit without a value": get("/notes?limit=", 422, invalid("query.limit")),
    "list, after without a value": get("/notes?after=", 422, invalid("query.after")),
    "list, limit given twice, the first no number": get("/notes?limit=1e1&limit=2", 200, page(MILK, BREAD)),
    "list, limit no number": get("/notes?limit=many", 422, invalid("query.limit")),
    "list, limit a fraction": get("/notes?limit=1.5", 422, invalid("query.limit")),
    "list, after too small": get("/notes?after=-1", 422, invalid("query.after")),
    "list, after too large": get(f"/notes?after={LARGEST_ID + 1}", 422, invalid("query.after")),
    "list, both wrong": get("/notes?after=-1&limit=0", 422, invalid("query.after", "query.limit")),
    "read": get("/notes/1", 200, MILK),
    "read, missing": get("/notes/3", 404, missing(3)),
    "read, largest id": get(f"/notes/{LARGEST_ID}", 404, missing(LARGEST_ID)),
    "read, id too large": get(f"/notes/{LARGEST_ID + 1}", 422, invalid("path.note_id")),
    "read, id beyond any number": get(f"/notes/{'9' * 40}", 422, invalid("path.note_id")),
    "read, id zero": get("/notes/0", 422, invalid("path.note_id")),
    "read, id negative": get("/notes/-1", 422, invalid("path.note_id")),
    "read, id no number": get("/notes/milk", 422, invalid("path.note_id")),
    "create": post(201, note(3, "Eggs", "Ten."), {"title": "Eggs", "body": "Ten."}, headers={"location": "/notes/3"}),
    "create, without a body": post(201, note(3, "Eggs"), {"title": "Eggs"}, headers={"location": "/notes/3"}),
    "create, any text": post(201, note(3, 'Käse 🧀 "\\\n'), {"title": 'Käse 🧀 "\\\n'}),
    "create, with an unknown field": post(201, note(3, "Eggs"), {"title": "Eggs", "id": 7, "colour": "white"}),
    "create, longest": post(201, note(3, "x" * 200, "y" * 10_000), {"title": "x" * 200, "body": "y" * 10_000}),
    "create, other JSON type": post(
        201, note(3, "Eggs"), content=b'{"title": "Eggs"}', content_type="application/x+json"
    ),
    "create, with a charset": post(
        201, note(3, "Eggs"), content=b'{"title": "Eggs"}', content_type="application/json; charset=utf-8"
    ),
    "create, title taken": post(409, CONFLICT, {"title": "Milk"}),
    "create, no title": post(422, invalid("body.title"), {}),
    "create, title null": post(422, invalid("body.title"), {"title": None}),
    "create, title a number": post(422, invalid("body.title"), {"title": 7}),
    "create, title empty": post(422, invalid("body.title"), {"title": ""}),
    "create, title too long": post(422, invalid("body.title"), {"title": "x" * 201}),
    "create, title with NUL": post(422, invalid("body.title"), {"title": "a\0b"}),
    "create, body too long": post(422, invalid("body.body"), {"title": "Eggs", "body": "x" * 10_001}),
    "create, both wrong": post(422, invalid("body.title", "body.body"), {"title": "", "body": 7}),
    "create, an array": post(422, invalid("body"), [{"title": "Eggs"}]),
    "create, an empty array": post(422, invalid("body"), content=b"[]", content_type=JSON),
    "create, null": post(422, invalid("body"), content=b"null", content_type=JSON),
    "create, false": post(422, invalid("body"), content=b"false", content_type=JSON),
    "create, a string": post(422, invalid("body"), content=b'"{\\"title\\": \\"Eggs\\"}"', content_type=JSON),
    "create, nothing": post(422, invalid("body"), content=b"", content_type=JSON),
    "create, nothing of no type": post(422, invalid("body")),
    "create, no JSON": post(422, invalid("body"), content=b'{"title": ', content_type=JSON),
    "create, no UTF-8": post(422, invalid("body"), content=b'{"title": "\xff"}', content_type=JSON),
    "create, too deep": post(
        422, invalid("body"), content=b'{"title": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", content_type=JSON
    ),
    "create, too long a number": post(
        422, invalid("body"), content=b'{"title": ' + b"9" * 5_000 + b"}", content_type=JSON
    ),
    "create, JSON called text": post(422, invalid("body"), content=b'{"title": "Eggs"}', content_type="text/plain"),
    "create, JSON of no type": post(422, invalid("body"), content=b'{"title": "Eggs"}'),
    "create, a form": post(
        422, invalid("body"), content=b"title=Eggs", content_type="application/x-www-form-urlencoded"
    ),
    "replace": Exchange(
        "PUT",
        "/notes/1",
        200,
        {**note(1, "Eggs", "Ten."), "created_at": MILK["created_at"]},
        {"title": "Eggs", "body": "Ten."},
    ),
    "replace, keeping the title": Exchange(
        "PUT", "/notes/1", 200, {**note(1, "Milk"), "created_at": MILK["created_at"]}, {"title": "Milk"}
    ),
    "replace, missing": Exchange("PUT", "/notes/3", 404, missing(3), {"title": "Eggs"}),
    "replace, title taken": Exchange("PUT", "/notes/1", 409, CONFLICT, {"title": "Bread"}),
    "replace, title empty": Exchange("PUT", "/notes/1", 422, invalid("body.title"), {"title": ""}),
    "replace, id no number": Exchange("PUT", "/notes/milk", 422, invalid("path.note_id"), {"title": "Eggs"}),
    "delete": Exchange("DELETE", "/notes/1", 204),
    "delete, missing": Exchange("DELETE", "/notes/3", 404, missing(3)),
    "delete, id no number": Exchange("DELETE", "/notes/milk", 422, invalid("path.note_id")),
    "unknown path": get("/nothing", 404, UNKNOWN),
    "unknown path below a known one": get("/notes/1/lines", 404, UNKNOWN),
    "root": get("/", 404, UNKNOWN),
    "wrong method for all": Exchange("DELETE", "/notes", 405, WRONG_METHOD, headers={"allow": "GET, HEAD, POST"}),
    "wrong method for one": Exchange(
        "POST", "/notes/1", 405, WRONG_METHOD, headers={"allow": "DELETE, GET, HEAD, PUT"}
    ),
    "wrong method, id no number": Exchange(
        "PATCH", "/notes/milk", 405, WRONG_METHOD, headers={"allow": "DELETE, GET, HEAD, PUT"}
    ),
    "wrong method for health": Exchange("POST", "/health", 405, WRONG_METHOD, headers={"allow": "GET, HEAD"}),
}

EXCHANGES |= {
    f"{name}, {kind}": Exchange(method, path + quote(text, safe=""), 422, invalid(location), json)
    for kind, text in NO_NUMBERS.items()
    for name, method, path, location, json in (
        ("read, id", "GET", "/notes/", "path.note_id", None),
        ("replace, id", "PUT", "/notes/", "path.note_id", {"title": "Eggs"}),
        ("delete, id", "DELETE", "/notes/", "path.note_id", None),
        ("list, after", "GET", "/notes?after=", "query.after", None),
        ("list, limit", "GET", "/notes?limit=", "query.limit", None),
    )
}

#: Each operation's name and the statuses that its document gives it.
OPERATIONS = {
    "health": {"200"},
    "ready": {"200", "503"},
    "list_notes": {"200", "422", "503"},
    "create_note": {"201", "409", "422", "503"},
    "read_note": {"200", "404", "422", "503"},
    "replace_note": {"200", "404", "409", "422", "503"},
    "delete_note": {"204", "404", "422", "503"},
}
