"""How numbers and UUIDs are written in a URL."""

import pytest
from pydantic_core import PydanticCustomError

from app.database.base import LARGEST_ID
from app.web.notation import canonical_uuid, whole_number

UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.mark.parametrize("text", ["0", "1", "-1", str(LARGEST_ID)])
def test_whole_number_is_taken(text: str) -> None:
    assert whole_number(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "+1", "-0", "01", "1_0", "1e2", "1.0", "0x1", " 1", "1 ", "1\n", "1\0", "\N{FULLWIDTH DIGIT ONE}", "one"],
)
def test_other_text_is_no_whole_number(text: str) -> None:
    with pytest.raises(PydanticCustomError):
        whole_number(text)


@pytest.mark.parametrize("text", [UUID, UUID.upper()])
def test_uuid_with_dashes_is_taken(text: str) -> None:
    assert canonical_uuid(text) == text


@pytest.mark.parametrize(
    "text",
    ["", UUID.replace("-", ""), "{" + UUID + "}", f"urn:uuid:{UUID}", f"{UUID}\n", UUID[:-1], UUID.replace("-", "_")],
)
def test_other_text_is_no_uuid(text: str) -> None:
    with pytest.raises(PydanticCustomError):
        canonical_uuid(text)


@pytest.mark.parametrize("value", [1, None])
def test_value_that_is_no_text_is_left_as_it_is(value: object) -> None:
    assert whole_number(value) == canonical_uuid(value) == value
