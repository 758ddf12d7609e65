"""Logs for Cloud Logging: one JSON object a line, linked to the request's trace; plain lines in a terminal."""

import io
import logging
import logging.config
import sys
import threading
import traceback
from bisect import bisect_right
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from app.log_lines import LONGEST_NAME, cut, fits, line_of, text_of

log = logging.getLogger(__name__)
requests = logging.getLogger("app.web.request_log")

#: Cloud Run asks these every few seconds; a line for each request would hide the others.
QUIET = {"/health"}

#: The fields that link a line to the request being handled; None outside of a request.
trace_fields: ContextVar[dict[str, Any] | None] = ContextVar("trace_fields", default=None)

#: Where each severity but the first begins.
LEVELS = [logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL]
SEVERITIES = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]

#: Bytes of the parts of a message, together less than the 256 KiB that Cloud Logging takes.
LONGEST_MESSAGE = 48 * 1024
LONGEST_TRACEBACK = 64 * 1024
LONGEST_ERROR = 16 * 1024
LONGEST_STACK = 16 * 1024

#: Bytes of what a client says of a request: its path, its method, its user agent.
LONGEST_CLAIM = 2 * 1024


class JSONFormatter(logging.Formatter):
    """A record as the JSON object that Cloud Logging turns into a log entry.

    Fields given as extra={"fields": {...}} become fields of the entry.
    """

    def format(self, record: logging.LogRecord) -> str:
        try:
            entry = {
                "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
                "severity": SEVERITIES[bisect_right(LEVELS, record.levelno)],
                "message": full_message(record),
                "logger": cut(record.name, LONGEST_NAME),
                **(trace_fields.get() or {}),
            }
            return line_of(entry, getattr(record, "fields", {}))
        except Exception as error:
            message = f"A record of the log cannot be written: {type(error).__name__}."
            return line_of({"time": datetime.now(UTC).isoformat(), "severity": "ERROR", "message": message}, {})


def full_message(record: logging.LogRecord) -> str:
    """The message, and what belongs to it. Error Reporting finds the traceback in it."""
    try:
        message = record.getMessage()
    except Exception as error:
        message = f"{text_of(record.msg)} {text_of(record.args)} ({type(error).__name__}: {text_of(error)})"
    message = cut(message, LONGEST_MESSAGE)
    if not (record.exc_info or record.exc_text or record.stack_info):
        return message
    parts = [message]
    if record.exc_info and record.exc_info[1]:
        parts.append(traceback_of(record.exc_info[1]))
    elif record.exc_text:
        parts.append(cut(record.exc_text, LONGEST_TRACEBACK))
    if record.stack_info:
        parts.append(cut(record.stack_info, LONGEST_STACK))
    return "\n".join(parts)


def traceback_of(error: BaseException) -> str:
    """The error with its frames. The error itself stays where the frames are too many: it names the group of errors."""
    try:
        text = "".join(traceback.format_exception(error)).rstrip("\n")
        if fits(text, LONGEST_TRACEBACK):
            return text
        last = "".join(traceback.format_exception_only(error)).rstrip("\n")
    except Exception:
        return cut(f"{type(error).__name__}: {text_of(error)} (without its traceback)", LONGEST_ERROR)
    if not text.endswith(last):
        return cut(text, LONGEST_TRACEBACK)
    return cut(text.removesuffix(last), LONGEST_TRACEBACK - LONGEST_ERROR) + cut(last, LONGEST_ERROR)


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
    """Log to standard output, also warnings, and the errors that nothing handles."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    logging.config.dictConfig(config(level))
    logging.captureWarnings(True)
    sys.excepthook = log_end_of_process
    threading.excepthook = log_end_of_thread
    sys.unraisablehook = log_unraisable


def log_end_of_process(kind: type[BaseException], error: BaseException, frames: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, frames)
        return
    log.critical("The process ends: %s: %s", kind.__name__, text_of(error), exc_info=error)


def log_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    if issubclass(ended.exc_type, KeyboardInterrupt | SystemExit):
        threading.__excepthook__(ended)
        return
    name = ended.thread.name if ended.thread else "unknown"
    log.error("The thread %s ends: %s", name, ended.exc_type.__name__, exc_info=ended.exc_value)


def log_unraisable(ignored: "sys.UnraisableHookArgs") -> None:
    if issubclass(ignored.exc_type, KeyboardInterrupt | SystemExit):
        sys.__unraisablehook__(ignored)
        return
    log.error("%s: %r", ignored.err_msg or "Exception ignored in", ignored.object, exc_info=ignored.exc_value)


def log_request(
    method: str, path: str, status: int, user_agent: str, seconds: float, fields: Mapping[str, Any]
) -> None:
    """One line for a request that has been answered, in the form that Cloud Logging shows as a request.

    The path comes without the query, which may hold secrets. The fields are further fields of the line.
    """
    method, path, user_agent = cut(method, LONGEST_CLAIM), cut(path, LONGEST_CLAIM), cut(user_agent, LONGEST_CLAIM)
    request = {
        "requestMethod": method,
        "requestUrl": path,
        "status": status,
        "userAgent": user_agent,
        "latency": f"{seconds:.6f}s",
    }
    level = logging.DEBUG if path in QUIET else logging.INFO
    if requests.isEnabledFor(level):
        # What log() does, but for its search for the caller.
        every = {"fields": {"httpRequest": request, **fields}}
        message = f"{method} {path} {status}"
        requests.handle(requests.makeRecord(requests.name, level, __file__, 0, message, (), None, extra=every))
