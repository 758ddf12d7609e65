"""The trace of a request, from its headers, as fields of the log."""

import re
from collections.abc import Sequence
from typing import Any

#: W3C Trace Context: version, trace, span and flags, in lower case. No id is all zeros. The lowest flag says that the
#: trace is recorded. Version 00 has these four parts, a higher one may have more, and ff is no version.
TRACEPARENT = re.compile(
    r"(?:00(?!.{54})|(?!00|ff)[0-9a-f]{2})"
    r"-(?P<trace>(?!0{32})[0-9a-f]{32})-(?P<span>(?!0{16})[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?:-.*)?"
)

#: Google's older header, with the span in decimal, where 0 is none.
CLOUD_TRACE_CONTEXT = re.compile(
    r"(?P<trace>(?!0{32})[0-9a-f]{32})(?:/(?P<span>[0-9]{1,20}))?(?:;o=(?P<options>[0-9]))?"
)

LARGEST_SPAN = 2**64 - 1


def trace_of(headers: Sequence[tuple[bytes, bytes]], project: str | None) -> dict[str, Any]:
    """The log fields for a request's trace, from the W3C traceparent header or Google's older one.

    Header names are in lower case. Without a project or a well-formed header the result is empty.
    """
    if not project:
        return {}
    if found := TRACEPARENT.fullmatch(value_of(b"traceparent", headers)):
        span, sampled = found["span"], int(found["flags"], 16) & 1 == 1
    elif found := CLOUD_TRACE_CONTEXT.fullmatch(value_of(b"x-cloud-trace-context", headers)):
        number, sampled = int(found["span"] or 0), found["options"] == "1"
        if number > LARGEST_SPAN:
            return {}
        span = f"{number:016x}" if number else ""
    else:
        return {}
    return {
        "logging.googleapis.com/trace": f"projects/{project}/traces/{found['trace']}",
        **({"logging.googleapis.com/spanId": span} if span else {}),
        "logging.googleapis.com/trace_sampled": sampled,
    }


def value_of(name: bytes, headers: Sequence[tuple[bytes, bytes]]) -> str:
    """The header's value; nothing where it comes twice, because HTTP makes a list of the two, which is no trace."""
    values = [value for given, value in headers if given == name]
    return values[0].decode("latin-1") if len(values) == 1 else ""
