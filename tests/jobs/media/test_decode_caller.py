"""Tasks of a request whose end was not waited for."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from jobs.errors import PictureTooLargeError
from jobs.media.decode_caller import MAX_CONVERTED_BYTES, DecodeCaller


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


def test_converted_pictures_of_one_request_have_a_limit() -> None:
    caller = DecodeCaller("ada")
    caller.count_converted(MAX_CONVERTED_BYTES, "content")
    with pytest.raises(PictureTooLargeError, match="more than 300 MB as PNG") as refused:
        caller.count_converted(1, "style")
    assert refused.value.pointer == "style"
    DecodeCaller("ada").count_converted(MAX_CONVERTED_BYTES, "content")  # another request
