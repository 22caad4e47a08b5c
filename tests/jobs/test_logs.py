from __future__ import annotations

import json
import logging
import sys
import threading
from contextvars import copy_context

import pytest

from jobs.logs import JsonFormatter, TextFormatter, log_context


def record(message: str, *values: object, **extra: object) -> logging.LogRecord:
    logger = logging.getLogger("some.where")
    return logger.makeRecord("some.where", logging.INFO, "f", 1, message, values, None, extra=extra)


def test_a_json_line_carries_the_ids() -> None:
    with log_context(job_id="j1", request_id="r1"), log_context(request_id=None):
        line = JsonFormatter().format(record("job %s\nstarts", "j1", fields={"ms": 3}))

    assert "\n" not in line
    parsed = json.loads(line)
    assert parsed["message"] == "job j1\nstarts"
    assert (parsed["job_id"], parsed["request_id"], parsed["ms"]) == ("j1", "r1", 3)
    assert (parsed["level"], parsed["logger"]) == ("INFO", "some.where")
    assert parsed["time"].endswith("Z")


def test_ids_end_with_their_block() -> None:
    with log_context(job_id="j1"):
        pass

    assert "job_id" not in json.loads(JsonFormatter().format(record("x")))


def test_ids_are_those_of_the_thread() -> None:
    seen: dict[str, str] = {}

    def look(name: str) -> None:
        seen[name] = TextFormatter().format(record("x"))

    with log_context(job_id="j1"):
        plain = threading.Thread(target=look, args=("plain",))
        handed = threading.Thread(target=copy_context().run, args=(look, "handed"))
        for thread in (plain, handed):
            thread.start()
            thread.join()

    assert "j1" not in seen["plain"]
    assert seen["handed"].endswith("[job_id j1]")


def test_a_text_line_can_not_be_forged() -> None:
    line = TextFormatter().format(record("name %s", "a\n2026 INFO web: forged"))

    assert line.count("\n") == 0


def test_tracebacks_are_kept() -> None:
    try:
        raise ValueError("what happened")
    except ValueError as error:
        made = record("x")
        made.exc_info = (type(error), error, error.__traceback__)

    assert "what happened" in json.loads(JsonFormatter().format(made))["exception"]
    assert "what happened" in TextFormatter().format(made)


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_control_characters_reach_no_terminal(formatter: logging.Formatter) -> None:
    """An escape sequence could rewrite the operator's terminal, other characters begin a new line."""
    hostile = "GET /\x1b[2J\x85\u2028\u2029\x9b1m\x00\x7f"
    record = logging.LogRecord("web", logging.INFO, "", 0, "%s", (hostile,), None)
    try:
        raise ValueError(hostile)
    except ValueError:
        record.exc_info = sys.exc_info()
    text = formatter.format(record)

    assert not set(text) & set("\x1b\x85\u2028\u2029\x9b\x00\x7f")
    assert "\\u001b[2J\\u0085\\u2028\\u2029\\u009b1m\\u0000" in text
