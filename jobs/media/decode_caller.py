"""Context of decoding: the owner of the request, its deadline, and its slot if it waits long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

from jobs.errors import PictureTooLargeError

#: Most bytes of the pictures that one request keeps in memory as PNG, because their formats are not
#: stored as they are. A HEIC of 0.1 MB can become a PNG of 21 MB.
MAX_CONVERTED_BYTES = 300_000_000


class DecodeCaller:
    """One request. Its decoder tasks share one deadline, which starts with the first of them.

    `has_slot` tells whether the owner has a slot left; `slot` holds one, or raises `BusyError`.
    """

    def __init__(
        self,
        owner: str = "",
        *,
        has_slot: Callable[[], bool] = lambda: True,
        slot: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.owner = owner
        self.has_slot = has_slot
        self.slot = slot
        self._deadline: float | None = None
        self._converted = 0
        self._tasks: list[Future[Any]] = []

    def deadline(self, seconds: float) -> float:
        """The monotonic time at which the decoding of this request must have ended."""
        if self._deadline is None:
            self._deadline = time.monotonic() + seconds
        return self._deadline

    def add(self, task: Future[Any]) -> None:
        """Remember a task of this request."""
        self._tasks.append(task)

    def count_converted(self, size: int, pointer: str) -> None:
        """Count the bytes of a converted picture, which the request keeps in memory to its end.

        Raises `PictureTooLargeError` if all of them are more than `MAX_CONVERTED_BYTES`; the error
        points to the form field `pointer`.
        """
        self._converted += size
        if self._converted > MAX_CONVERTED_BYTES:
            raise PictureTooLargeError(
                f"The pictures of this request take more than {MAX_CONVERTED_BYTES // 1_000_000} MB as "
                "PNG, as which they are stored; send fewer at a time, or JPEG files.",
                pointer=pointer,
            )

    def cancel(self) -> None:
        """Cancel tasks that have not started: the request has ended, and they hold its files."""
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()


#: The caller of the current request; None for commands, whose decoding only has the limits of a file.
current_caller: ContextVar[DecodeCaller | None] = ContextVar("decode_caller", default=None)


@contextmanager
def without_caller() -> Iterator[None]:
    """Decode without a caller: pictures of the package take no slot of the visitor.

    A first visit asks for the whole gallery while the decoders start, which would take all slots of
    the visitor, so that the visitor's photo would be refused.
    """
    token = current_caller.set(None)
    try:
        yield
    finally:
        current_caller.reset(token)
