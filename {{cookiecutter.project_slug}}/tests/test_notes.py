"""The notes over HTTP, in the application of this process."""

from typing import Any

import pytest

from app.database.base import LARGEST_ID
from tests.application import Client


def create(client: Client, title: str = "Milk", body: str = "Two litres.") -> dict[str, Any]:
    response = client.post("/notes", json={"title": title, "body": body})
    assert response.status_code == 201, response.text
    note: dict[str, Any] = response.json()
    return note


def assert_problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    return problem


def test_created_note_is_found_where_its_location_says(client: Client) -> None:
    response = client.post("/notes", json={"title": "Milk", "body": "Two litres."})
    assert response.status_code == 201
    found = client.get(response.headers["location"])
    assert found.status_code == 200
    assert found.json() == response.json()


def test_body_of_a_note_is_optional(client: Client) -> None:
    response = client.post("/notes", json={"title": "Milk"})
    assert response.json()["body"] == ""


def test_pages_hold_every_note_once_in_order(client: Client) -> None:
    created = [create(client, f"Note {number}")["id"] for number in range(4)]
    listed, after = [], 0
    while after is not None:
        page = client.get("/notes", params={"after": after, "limit": 2}).json()
        assert len(page["items"]) == 2
        listed += [note["id"] for note in page["items"]]
        after = page["next_after"]
    assert listed == created


def test_empty_list_has_no_next_page(client: Client) -> None:
    assert client.get("/notes").json() == {"items": [], "next_after": None}


@pytest.mark.parametrize(
    "parameters",
    [{"limit": 0}, {"limit": 101}, {"limit": "1e1"}, {"after": -1}, {"after": LARGEST_ID + 1}, {"after": "+1"}],
)
def test_page_outside_its_bounds_is_refused(client: Client, parameters: dict[str, int | str]) -> None:
    problem = assert_problem(client.get("/notes", params=parameters), 422)
    assert problem["errors"][0]["location"] == f"query.{next(iter(parameters))}"


def test_replaced_note_keeps_its_id_and_says_when(client: Client) -> None:
    note = create(client)
    response = client.put(f"/notes/{note['id']}", json={"title": "Bread", "body": "One loaf."})
    assert response.status_code == 200
    replaced = response.json()
    assert (replaced["id"], replaced["title"], replaced["body"]) == (note["id"], "Bread", "One loaf.")
    assert replaced["created_at"] == note["created_at"]
    assert replaced["updated_at"] > note["updated_at"]
    assert client.get(f"/notes/{note['id']}").json() == replaced


def test_deleted_note_is_gone(client: Client) -> None:
    note = create(client)
    response = client.delete(f"/notes/{note['id']}")
    assert response.status_code == 204
    assert response.content == b""
    assert_problem(client.get(f"/notes/{note['id']}"), 404)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_missing_note_is_not_found(client: Client, method: str) -> None:
    content = {"title": "Milk"} if method == "PUT" else None
    problem = assert_problem(client.request(method, f"/notes/{LARGEST_ID}", json=content), 404)
    assert problem["detail"] == f"There is no note {LARGEST_ID}."


@pytest.mark.parametrize("note_id", ["milk", "0", "01", "+1", "1e0", "1.0", str(LARGEST_ID + 1)])
def test_impossible_id_is_refused(client: Client, note_id: str) -> None:
    assert_problem(client.get(f"/notes/{note_id}"), 422)


def test_second_note_of_a_title_conflicts(client: Client) -> None:
    create(client, "Milk")
    assert_problem(client.post("/notes", json={"title": "Milk"}), 409)


def test_taking_the_title_of_another_note_conflicts(client: Client) -> None:
    create(client, "Milk")
    bread = create(client, "Bread")
    assert_problem(client.put(f"/notes/{bread['id']}", json={"title": "Milk"}), 409)
    assert client.get(f"/notes/{bread['id']}").json() == bread


@pytest.mark.parametrize(
    ("note", "location"),
    [
        ({}, "body.title"),
        ({"title": ""}, "body.title"),
        ({"title": None}, "body.title"),
        ({"title": "x" * 201}, "body.title"),
        ({"title": "a\0b"}, "body.title"),
        ({"title": "Milk", "body": "x" * 10_001}, "body.body"),
        ({"title": "Milk", "body": 7}, "body.body"),
    ],
)
def test_invalid_note_is_refused_by_field(client: Client, note: dict[str, Any], location: str) -> None:
    problem = assert_problem(client.post("/notes", json=note), 422)
    assert [error["location"] for error in problem["errors"]] == [location]


def test_refusal_does_not_repeat_the_input(client: Client) -> None:
    response = client.post("/notes", json={"title": ["not-a-real-secret"]})
    assert_problem(response, 422)
    assert "not-a-real-secret" not in response.text


def test_text_comes_back_as_it_was_sent(client: Client) -> None:
    text = "Ümläut 🧀 \"quoted\" 'single' \\ %s :colon $1 -- /* */ ; DROP TABLE note"
    assert create(client, text, text)["body"] == text


def test_unknown_path_is_a_problem(client: Client) -> None:
    assert_problem(client.get("/nothing"), 404)


def test_wrong_method_is_a_problem_that_names_the_right_ones(client: Client) -> None:
    response = client.patch("/notes")
    assert_problem(response, 405)
    assert response.headers["allow"]
