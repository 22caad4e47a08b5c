"""Limit of the bytes of all request bodies that the server holds in memory at once."""

from __future__ import annotations

import threading

from flask import Flask, current_app, g, request

from jobs.errors import BusyError
from jobs.settings import Settings

#: Bodies up to this size in bytes do not count.
SMALL_BYTES = 1_000_000
#: Most bytes of all bodies at once, or the size of the largest one that is allowed.
MAX_BYTES = 300_000_000


class BodyBytes:
    """The bytes of the bodies that are in memory, up to `most`."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._guard = threading.Lock()
        self._held = 0

    def try_acquire(self, size: int) -> bool:
        """Add a body of `size` bytes; False if it does not fit. See `release`."""
        with self._guard:
            if self._held + size > self.most:
                return False
            self._held += size
            return True

    def release(self, size: int) -> None:
        """Take away a body of `size` bytes."""
        with self._guard:
            self._held -= size


def register(app: Flask, settings: Settings) -> None:
    """Set the limit, and release what a request held at its end."""
    largest = max(
        settings.max_upload_mb + settings.max_video_mb,
        *(settings.max_batch_mb, settings.max_dataset_mb),
    )
    app.extensions["body_bytes"] = BodyBytes(max(MAX_BYTES, (largest + 1) * 1_000_000))
    app.teardown_request(_release)


def admit() -> None:
    """Count the body of the current request before it is read. Raises `BusyError`.

    A body without a Content-Length counts as the largest of a usual request.
    """
    held: BodyBytes = current_app.extensions["body_bytes"]
    length = request.content_length
    # Without a Content-Length, only a chunked request has a body (RFC 9112, section 6.3).
    if length is None and "Transfer-Encoding" in request.headers:
        length = request.max_content_length
    if length is None or length <= SMALL_BYTES:
        return
    # A longer body than any is refused by its own limit, without being read.
    size = min(length, held.most)
    if not held.try_acquire(size):
        raise BusyError("Too many large files are being sent; try again in a moment.")
    g.body_bytes = size


def _release(_: BaseException | None) -> None:
    size: int | None = g.pop("body_bytes", None)
    if size is not None:
        current_app.extensions["body_bytes"].release(size)
