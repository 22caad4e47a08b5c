"""Answers that come later hold a thread of the server each: so many may that others are answered."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app

from jobs.models import Job
from web.current import service

#: How long a request may wait that found no seat: so much that asking again and again does no harm.
STANDING_SECONDS = 0.25


class Seats:
    """Three quarters of the threads may wait, and half of all may be held by streams."""

    def __init__(self, threads: int) -> None:
        self._all = threading.BoundedSemaphore(max(1, threads * 3 // 4))
        self._for_streams = threading.BoundedSemaphore(max(1, threads // 2))

    def take(self) -> bool:
        """Take a seat, to be given back with `leave`; False where there is none."""
        return self._all.acquire(blocking=False)

    def leave(self) -> None:
        """Give a seat back."""
        self._all.release()

    def take_for_stream(self) -> bool:
        """As `take`, for what holds it for minutes."""
        if not self._for_streams.acquire(blocking=False):
            return False
        if self.take():
            return True
        self._for_streams.release()
        return False

    def leave_stream(self) -> None:
        """Give the seat of a stream back."""
        self._for_streams.release()
        self.leave()


def seats() -> Seats:
    """The seats of this server."""
    found: Seats = current_app.extensions["seats"]
    return found


@contextmanager
def seat() -> Iterator[bool]:
    """Whether there is a seat, which is held inside the block."""
    here = seats()
    taken = here.take()
    try:
        yield taken
    finally:
        if taken:
            here.leave()


def wait_for(job_id: str, seconds: float, *, version: int | None = None) -> Job:
    """As `JobService.wait`, but for a moment only where all seats are taken."""
    with seat() as seated:
        patience = seconds if seated else min(seconds, STANDING_SECONDS)
        return service().wait(job_id, patience, version=version)
