"""How numbers and UUIDs are written in a URL: each in one way, so that a row has one URL.

The libraries that read them take more: +1, 01, 1_0, 1.0, 1e2, spaces, digits of other scripts, UUIDs without dashes.
"""

import re
from typing import Any

from pydantic_core import PydanticCustomError

WHOLE_NUMBER = re.compile("0|-?[1-9][0-9]*")
CANONICAL_UUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def whole_number(value: Any) -> Any:
    """The value as it is; its type and its bounds are for others to check.

    Raises:
        PydanticCustomError: it is text other than the decimal digits of a whole number.
    """
    if isinstance(value, str) and not WHOLE_NUMBER.fullmatch(value):
        raise PydanticCustomError("whole_number", "Input should be a whole number in decimal digits")
    return value


def canonical_uuid(value: Any) -> Any:
    """The value as it is.

    Raises:
        PydanticCustomError: it is text other than a UUID with its four dashes.
    """
    if isinstance(value, str) and not CANONICAL_UUID.fullmatch(value):
        raise PydanticCustomError("canonical_uuid", "Input should be a UUID with dashes")
    return value
