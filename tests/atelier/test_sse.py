from __future__ import annotations

from atelier.sse import read_events

STREAM = """retry: 2000

id: 3
event: state
data: {"status": "running"}

: ping

id: 4
event: progress
data: {"progress":
data: {"step": 1}}

event: progress
data: no JSON

id: 5
event: state
data: {"status": "succeeded"}

id: 6
data: {"cut": """


def test_a_stream_is_read_event_by_event() -> None:
    events = list(read_events(STREAM.splitlines()))
    assert [(event["id"], event["type"]) for event in events] == [
        (3, "state"),
        (4, "progress"),
        (5, "state"),
    ]
    assert events[1]["data"] == {"progress": {"step": 1}}
