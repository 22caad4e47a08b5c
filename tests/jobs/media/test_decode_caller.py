"""Tasks of a request whose end was not waited for."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from jobs.media.decode_caller import DecodeCaller


def test_a_request_that_ends_leaves_no_tasks_behind() -> None:
    """A batch whose first picture is refused would else keep all others in memory, as often as sent."""
    caller = DecodeCaller("ada")
    waiting: Future[Any] = Future()
    running: Future[Any] = Future()
    running.set_running_or_notify_cancel()
    for task in (waiting, running):
        caller.add(task)

    caller.cancel()

    assert waiting.cancelled()
    assert not running.cancelled()


def test_the_deadline_starts_with_the_first_file() -> None:
    caller = DecodeCaller("ada")
    assert caller.deadline(100) == caller.deadline(200)
