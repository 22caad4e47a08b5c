"""What requests hold for long, a thread or much memory: so many may that others are answered."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, Request, current_app, g

from jobs.db.models.jobs import Job
from jobs.errors import BusyError
from web.current import service

#: How long a request may wait that found no seat: so much that asking again and again does no harm.
STANDING_SECONDS = 0.25


class Seats:
    """Of all threads, three quarters may wait, half hold streams, a quarter large bodies."""

    def __init__(self, threads: int) -> None:
        self._all = threading.BoundedSemaphore(max(1, threads * 3 // 4))
        self._for_streams = threading.BoundedSemaphore(max(1, threads // 2))
        self._for_bodies = threading.BoundedSemaphore(max(1, threads // 4))

    def take_for_body(self) -> bool:
        """Take one of the few places for bodies that are kept in memory; see `leave_body`."""
        return self._for_bodies.acquire(blocking=False)

    def leave_body(self) -> None:
        """Give the place of a body back."""
        self._for_bodies.release()

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


def admit_body(request: Request, usual: int, most: int) -> None:
    """Take a body of up to `most` bytes; of those above `usual`, a few at a time. Raises `BusyError`.

    One that does not say how long it is may be as long as it can be.
    """
    request.max_content_length = most
    length = request.content_length
    if "body_of" in g or (length is not None and length <= usual):
        return
    here = seats()
    if not here.take_for_body():
        raise BusyError("Too many large files are being sent; try again in a moment.")
    g.body_of = here


def register(app: Flask, threads: int) -> None:
    """Set the seats up; `web.server` does so again once it knows how many threads there are."""
    app.extensions["seats"] = Seats(threads)
    app.teardown_request(_let_go)


def _let_go(_: BaseException | None) -> None:
    here: Seats | None = g.pop("body_of", None)
    if here is not None:
        here.leave_body()


def wait_for(job_id: str, seconds: float, *, version: int | None = None) -> Job:
    """As `JobService.wait`, but for a moment only where all seats are taken."""
    with seat() as seated:
        patience = seconds if seated else min(seconds, STANDING_SECONDS)
        return service().wait(job_id, patience, version=version)
