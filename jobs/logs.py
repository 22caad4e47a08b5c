"""Logging to standard error: one line for each record, as text or JSON.

Every line carries the ids of its job and request, also the lines of libraries.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: C0 and C1 control characters, and the line and paragraph separators of Unicode.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_NO_IDS: dict[str, str] = {}
_ids: ContextVar[dict[str, str]] = ContextVar("atelier_log_ids", default=_NO_IDS)


@contextmanager
def log_context(**ids: str | None) -> Iterator[None]:
    """Add ids to every log line inside the context. A value of None leaves the id unchanged."""
    token = _ids.set({**_ids.get(), **{name: value for name, value in ids.items() if value}})
    try:
        yield
    finally:
        _ids.reset(token)


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """The JSON line; an exception becomes the field `exception`."""
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
        return _escaped(json.dumps(line, default=str, ensure_ascii=False))


class TextFormatter(logging.Formatter):
    """Formats a record as one line of text."""

    def format(self, record: logging.LogRecord) -> str:
        """The text line with ids in brackets; a traceback follows on its own lines."""
        fields = {**_ids.get(), **getattr(record, "fields", {})}
        ids = "".join(f" [{name} {value}]" for name, value in fields.items())
        # Control characters are escaped: text from outside can't forge a line or control a terminal.
        line = _escaped(
            f"{_stamp(record)} {record.levelname} {record.name}: {record.getMessage()}{ids}"
        )
        if not record.exc_info:
            return line
        trace = self.formatException(record.exc_info).split("\n")
        return "\n".join([line, *map(_escaped, trace)])


def _escaped(text: str) -> str:
    """The text with line breaks and control characters as escape sequences, which JSON has too."""
    return _CONTROLS.sub(lambda found: _ESCAPES.get(found[0], f"\\u{ord(found[0]):04x}"), text)


def _stamp(record: logging.LogRecord) -> str:
    base = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{base}.{int(record.msecs):03d}"


def configure(level: str, format_: str) -> None:
    """Send the records of every logger to standard error, as `text` or `json`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if format_ == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # These libraries log a line for each HTTP request.
    for noisy in ("botocore", "httpcore", "httpx", "urllib3"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
