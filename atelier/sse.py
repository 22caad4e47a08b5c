"""Parser of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress

from atelier.types import Event


def read_events(lines: Iterable[str]) -> Iterator[Event]:
    """The events of a `text/event-stream`. Comments and events whose data is not JSON are skipped."""
    number, kind, data = 0, "message", list[str]()
    for line in lines:
        if not line:
            if data:
                with suppress(ValueError):
                    yield Event(id=number, type=kind, data=json.loads("\n".join(data)))
            kind, data = "message", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "id" and value.isdecimal():
            number = int(value)
        elif field == "event":
            kind = value
        elif field == "data":
            data.append(value)
