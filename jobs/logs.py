"""Logging: one line for each event, for people (`text`) or for machines (`json`).

Every line carries the job and the request that it belongs to, whichever library wrote it.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_NO_IDS: dict[str, str] = {}
_ids: ContextVar[dict[str, str]] = ContextVar("atelier_log_ids", default=_NO_IDS)


@contextmanager
def log_context(**ids: str | None) -> Iterator[None]:
    """Give every line that is logged inside these ids. None leaves an id as it was."""
    token = _ids.set({**_ids.get(), **{name: value for name, value in ids.items() if value}})
    try:
        yield
    finally:
        _ids.reset(token)


class JsonFormatter(logging.Formatter):
    """One JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record, with `exception` where there is one."""
        line = {
            "time": f"{_stamp(record)}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
            **_ids.get(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """A line for people."""

    def format(self, record: logging.LogRecord) -> str:
        """The record, ids in brackets, and the traceback on lines of its own."""
        fields = {**_ids.get(), **getattr(record, "fields", {})}
        ids = "".join(f" [{name} {value}]" for name, value in fields.items())
        # A line is a line: what came from outside can't start another one.
        message = record.getMessage().replace("\r", "\\r").replace("\n", "\\n")
        text = f"{_stamp(record)} {record.levelname} {record.name}: {message}{ids}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def _stamp(record: logging.LogRecord) -> str:
    base = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{base}.{int(record.msecs):03d}"


def configure(level: str, format_: str) -> None:
    """Send every logger of the process to standard error, in this format."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if format_ == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Every request of ours to a store or a receiver is a line of theirs.
    for noisy in ("botocore", "httpcore", "httpx", "urllib3"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
