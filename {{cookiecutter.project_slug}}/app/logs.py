"""Logs for Cloud Logging: one JSON object a line, linked to the request's trace; plain lines in a terminal."""

import json
import logging
import logging.config
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

requests = logging.getLogger("app.web.request_log")

#: Cloud Run asks these every few seconds; a line for each request would hide the others.
QUIET = {"/health"}

#: The fields that link a line to the request being handled; None outside of a request.
trace_fields: ContextVar[dict[str, Any] | None] = ContextVar("trace_fields", default=None)

#: W3C Trace Context: version, trace, span and flags. The lowest flag says that the trace is recorded.
TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})")

#: Google's older header, with the span in decimal.
CLOUD_TRACE_CONTEXT = re.compile(r"(?P<trace>[0-9a-f]{32})(?:/(?P<span>[0-9]{1,20}))?(?:;o=(?P<options>[0-9]))?")

SEVERITIES = {logging.WARNING: "WARNING", logging.ERROR: "ERROR", logging.CRITICAL: "CRITICAL", logging.DEBUG: "DEBUG"}


class JSONFormatter(logging.Formatter):
    """A record as the JSON object that Cloud Logging turns into a log entry.

    Fields given as extra={"fields": {...}} become fields of the entry.
    """

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.exc_info:
            # Error Reporting groups errors by the traceback in the message.
            message = f"{message}\n{self.formatException(record.exc_info)}"
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "severity": SEVERITIES.get(record.levelno, "INFO"),
            "message": message,
            "logger": record.name,
            **(trace_fields.get() or {}),
            **getattr(record, "fields", {}),
        }
        return json.dumps(entry, default=str, ensure_ascii=False)


def formatter() -> logging.Formatter:
    """Lines for people where standard output is a terminal, else JSON."""
    if sys.stdout.isatty():
        return logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
    return JSONFormatter()


def config(level: str = "INFO") -> dict[str, Any]:
    """The logging configuration, for logging.config.dictConfig: every record to standard output."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter}},
        "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "line"}},
        "root": {"level": level, "handlers": ["stdout"]},
    }


def configure(level: str = "INFO") -> None:
    logging.config.dictConfig(config(level))


def log_request(
    method: str, path: str, status: int, user_agent: str, seconds: float, fields: Mapping[str, Any]
) -> None:
    """One line for a request that has been answered, in the form that Cloud Logging shows as a request.

    The path comes without the query, which may hold secrets. The fields are further fields of the line.
    """
    request = {
        "requestMethod": method,
        "requestUrl": path,
        "status": status,
        "userAgent": user_agent,
        "latency": f"{seconds:.6f}s",
    }
    level = logging.DEBUG if path in QUIET else logging.INFO
    requests.log(level, "%s %s %d", method, path, status, extra={"fields": {"httpRequest": request, **fields}})


def trace_of(headers: dict[str, str], project: str | None) -> dict[str, Any]:
    """The log fields for a request's trace, from the W3C traceparent header or Google's older one.

    Header names are in lower case. Without a project or a well-formed header the result is empty.
    """
    if found := TRACEPARENT.fullmatch(headers.get("traceparent", "")):
        span, sampled = found["span"], int(found["flags"], 16) & 1 == 1
    elif found := CLOUD_TRACE_CONTEXT.fullmatch(headers.get("x-cloud-trace-context", "")):
        span, sampled = f"{int(found['span'] or 0):016x}", found["options"] == "1"
    if not (project and found):
        return {}
    return {
        "logging.googleapis.com/trace": f"projects/{project}/traces/{found['trace']}",
        "logging.googleapis.com/spanId": span,
        "logging.googleapis.com/trace_sampled": sampled,
    }
