"""Sandbox for decoding untrusted uploads: child processes with limits of memory and time.

A decoder that crashes, exhausts memory or never returns costs one child process and one refused upload;
the web server continues.
"""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable
from concurrent.futures import TimeoutError as DecodeTimeoutError
from functools import cache
from multiprocessing import get_context
from typing import Any

from pebble import ProcessExpired, ProcessPool

from jobs.errors import JobsError, NotFoundError, UnusablePictureError
from jobs.media.limits import DecodeLimits
from jobs.media.pictures import CleanPicture, PictureInfo, clean_picture
from jobs.media.thumbnails import SIDE, make_thumbnail
from jobs.media.videos import inspect_video


def check_picture(
    data: bytes, limits: DecodeLimits, *, name: str, pointer: str | None = None
) -> CleanPicture:
    """Validate an untrusted picture within `limits` and remove its metadata.

    Raises the errors of `clean_picture`, and `UnusablePictureError` for a picture that exceeds the
    limits.
    """
    return submit_picture_check(data, limits, name=name, pointer=pointer)()


def submit_picture_check(
    data: bytes, limits: DecodeLimits, *, name: str, pointer: str | None = None
) -> Callable[[], CleanPicture]:
    """Start `check_picture` in the background; the returned function waits for its result or error."""
    future = _pool(limits.megabytes, limits.processes).schedule(
        _clean, args=(data, name, limits.pixels, pointer), timeout=limits.seconds
    )

    def finish() -> CleanPicture:
        cleaned, info = _outcome(future, limits, name, pointer)
        return CleanPicture(data=data if cleaned is None else cleaned, info=info)

    return finish


def check_video(
    data: bytes, limits: DecodeLimits, *, name: str, pointer: str | None = None
) -> PictureInfo:
    """Validate an untrusted video within `limits`. Raises the errors of `inspect_video`."""
    future = _pool(limits.megabytes, limits.processes).schedule(
        _inspect, args=(data, name, limits, pointer), timeout=limits.seconds
    )
    info: PictureInfo = _outcome(future, limits, name, pointer)
    return info


def thumbnail_in_sandbox(
    data: bytes, media_type: str, limits: DecodeLimits, *, side: int = SIDE
) -> bytes:
    """WebP thumbnail of `side` pixels of a picture or video.

    Raises `NotFoundError` if decoding fails.
    """
    future = _pool(limits.megabytes, limits.processes).schedule(
        _shrink, args=(data, media_type, side), timeout=limits.seconds
    )
    try:
        small: bytes = _outcome(future, limits, "it", None)
    except UnusablePictureError as error:
        raise NotFoundError(f"No small picture of it: {error.detail}") from None
    return small


def warm_up(limits: DecodeLimits) -> None:
    """Start the decoder processes ahead of the first request: starting takes longer than decoding."""
    _pool(limits.megabytes, limits.processes).schedule(int)


@cache
def _pool(megabytes: int, processes: int) -> ProcessPool:
    # Spawned, not forked: a fork of a threaded server may inherit a lock that is never released.
    return ProcessPool(
        max_workers=processes,
        max_tasks=5_000,
        initializer=_confine,
        initargs=(megabytes,),
        context=get_context("spawn"),
    )


def _confine(megabytes: int) -> None:
    """Limit memory, file writes and core dumps of the current process."""
    limit = megabytes * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Ctrl-C reaches every process of a terminal; the parent ends this process itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _outcome(future: Any, limits: DecodeLimits, name: str, pointer: str | None) -> Any:
    try:
        outcome = future.result()
    except DecodeTimeoutError:
        outcome = UnusablePictureError(
            f"{name} takes longer to decode than the {limits.seconds:g} s allowed.", pointer=pointer
        )
    except (ProcessExpired, MemoryError):
        outcome = UnusablePictureError(
            f"{name} can't be decoded within the {limits.megabytes} MB allowed.", pointer=pointer
        )
    if isinstance(outcome, JobsError):
        raise outcome
    return outcome


def _inspect(
    data: bytes, name: str, limits: DecodeLimits, pointer: str | None
) -> PictureInfo | JobsError:
    pixels, seconds = limits.video_pixels, limits.video_seconds
    try:
        return inspect_video(data, name=name, max_pixels=pixels, max_seconds=seconds, pointer=pointer)
    except JobsError as error:
        return error.__class__(error.detail, pointer=error.pointer)


def _shrink(data: bytes, media_type: str, side: int) -> bytes | JobsError:
    try:
        return make_thumbnail(data, media_type, side)
    except MemoryError:
        raise
    except Exception:  # decoders raise many kinds of error; all mean a broken file
        return UnusablePictureError("it can't be decoded.")


def _clean(
    data: bytes, name: str, max_pixels: int, pointer: str | None
) -> tuple[bytes | None, PictureInfo] | JobsError:
    # Errors are returned as values: their constructors can't be pickled.
    try:
        picture = clean_picture(data, name=name, max_pixels=max_pixels, pointer=pointer)
        # Unchanged bytes need not be sent back between the processes.
        return (None if picture.data == data else picture.data), picture.info
    except JobsError as error:
        return error.__class__(error.detail, pointer=error.pointer)
