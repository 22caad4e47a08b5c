"""Concurrency limits: caps how many requests wait, stream or send a large body at once.

Thus threads and memory stay free for all other requests.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import Flask, Request, current_app, g, request

from jobs.errors import BusyError
from jobs.media.decode_caller import DecodeCaller, current_caller
from jobs.queue.versions import JobVersion
from web.current import service

#: Wait in seconds of a request above the limit: long enough that polling again and again does no harm.
FULL_WAIT_SECONDS = 0.25
#: Key of the WSGI environment with the owner, or the address, of the caller.
CALLER = "atelier.caller"


class ConcurrencyLimits:
    """Limits of threads: 3/4 may wait, half may stream, 1/4 may read large bodies.

    Of those that wait, 1/4 of all threads may wait for the slow decodes and downloads of one caller.
    """

    def __init__(self, threads: int) -> None:
        self._slow_per_caller = max(1, threads // 4)
        self._slow: Counter[str] = Counter()
        #: Slots for slow requests alone, so that long polls can't keep pictures out. Some threads stay.
        self._reserved = threading.BoundedSemaphore(threads // 8) if threads >= 8 else None
        self._guard = threading.Lock()
        self._waits = threading.BoundedSemaphore(max(1, threads * 3 // 4))
        self._streams = threading.BoundedSemaphore(max(1, threads // 2))
        self._bodies = threading.BoundedSemaphore(max(1, threads // 4))

    def try_acquire_body(self) -> bool:
        """Acquire one of the slots for large bodies, which are kept in memory; see `release_body`."""
        return self._bodies.acquire(blocking=False)

    def release_body(self) -> None:
        """Release the slot of a large body."""
        self._bodies.release()

    def try_acquire(self) -> bool:
        """Acquire a slot for a waiting request; False where none is free. See `release`."""
        return self._waits.acquire(blocking=False)

    def release(self) -> None:
        """Release the slot of a waiting request."""
        self._waits.release()

    def has_slow_slot(self, caller: str) -> bool:
        """Whether the caller has fewer slow requests than may wait at once."""
        with self._guard:
            return self._slow[caller] < self._slow_per_caller

    @contextmanager
    def slow_slot(self, caller: str) -> Iterator[None]:
        """Hold a slot for a slow decode or download. Raises `BusyError` if none is free."""
        with self._guard:
            release = self._acquire_slow() if self._slow[caller] < self._slow_per_caller else None
            if release is None:
                raise BusyError("Too many slow requests are being served; try again in a moment.")
            self._slow[caller] += 1
        try:
            yield
        finally:
            release()
            with self._guard:
                self._slow[caller] -= 1
                if not self._slow[caller]:
                    del self._slow[caller]

    def _acquire_slow(self) -> Callable[[], None] | None:
        """Acquire any slot for a slow request; returns what releases it, or None if none is free."""
        if self.try_acquire():
            return self.release
        if self._reserved is not None and self._reserved.acquire(blocking=False):
            return self._reserved.release
        return None

    def try_acquire_stream(self) -> bool:
        """As `try_acquire`, for an event stream, which lasts for minutes."""
        if not self._streams.acquire(blocking=False):
            return False
        if self.try_acquire():
            return True
        self._streams.release()
        return False

    def release_stream(self) -> None:
        """Release the slot of an event stream."""
        self._streams.release()
        self.release()


def concurrency_limits() -> ConcurrencyLimits:
    """The concurrency limits of this server process."""
    found: ConcurrencyLimits = current_app.extensions["concurrency"]
    return found


@contextmanager
def wait_slot() -> Iterator[bool]:
    """Hold a slot for a waiting request inside the block; yields whether one was free."""
    limits = concurrency_limits()
    acquired = limits.try_acquire()
    try:
        yield acquired
    finally:
        if acquired:
            limits.release()


def admit_body(request: Request, usual: int, limit: int) -> None:
    """Accept a body of up to `limit` bytes, few above `usual` bytes at a time. Raises `BusyError`.

    A body without a Content-Length counts as a large one.
    """
    request.max_content_length = limit
    length = request.content_length
    if "body_limits" in g or (length is not None and length <= usual):
        return
    limits = concurrency_limits()
    if not limits.try_acquire_body():
        raise BusyError("Too many large files are being sent; try again in a moment.")
    g.body_limits = limits


def register(app: Flask, threads: int) -> None:
    """Set the limits; `web.server` sets them again once it knows the number of threads."""
    app.extensions["concurrency"] = ConcurrencyLimits(threads)
    app.teardown_request(_release)


def set_caller() -> None:
    """Name the caller for slow requests: the owner, or the address of a client without a key."""
    limits = concurrency_limits()
    owner = g.caller.owner if g.caller is not None else f"address {request.remote_addr}"
    request.environ[CALLER] = owner
    current_caller.set(
        DecodeCaller(
            owner, has_slot=lambda: limits.has_slow_slot(owner), slot=lambda: limits.slow_slot(owner)
        )
    )


def _release(_: BaseException | None) -> None:
    caller = current_caller.get()
    if caller is not None:
        caller.cancel()
        current_caller.set(None)
    limits: ConcurrencyLimits | None = g.pop("body_limits", None)
    if limits is not None:
        limits.release_body()


def wait_for(job_id: str, seconds: float, *, version: int | None = None) -> JobVersion:
    """As `JobService.wait_for_change`, but for `FULL_WAIT_SECONDS` at most where no slot is free."""
    with wait_slot() as acquired:
        limit = seconds if acquired else min(seconds, FULL_WAIT_SECONDS)
        return service().wait_for_change(job_id, limit, version=version)
