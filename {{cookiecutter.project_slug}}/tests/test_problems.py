"""Errors as problem documents."""

import json
from decimal import Decimal
from typing import Any

import pytest

from app.web.problems import Problem

BAD_REQUEST = {"type": "about:blank", "title": "Bad Request", "status": 400}


@pytest.mark.parametrize(
    ("detail", "members"),
    [
        (None, {}),
        ("", {}),
        ("Bad Request", {}),
        ("The colour is unknown.", {"detail": "The colour is unknown."}),
        (["a", "b"], {"details": ["a", "b"]}),
        ({"code": 1, "title": "Out of stock"}, {"code": 1, "title": "Out of stock"}),
        ({"status": 3, "title": 5}, {}),
        ({"errors": ["a"]}, {"details": ["a"]}),
        ({"body": "x", "headers": "y"}, {"body": "x", "headers": "y"}),
        ({"price": Decimal("1.5"), "raw": b"\xff"}, {"price": "Decimal('1.5')", "raw": "b'\\xff'"}),
        ({"half": "\ud800"}, {"half": "\ud800"}),
    ],
)
def test_detail_of_any_kind_becomes_members_of_the_document(detail: object, members: dict[str, Any]) -> None:
    assert json.loads(Problem.of(400, detail).body) == BAD_REQUEST | members


@pytest.mark.parametrize("status", [204, 205, 304])
def test_answer_that_may_have_no_body_has_none(status: int) -> None:
    problem = Problem.of(status, "text")
    assert problem.body == b""
    assert "content-type" not in problem.headers
