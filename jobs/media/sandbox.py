"""Strangers' pictures are decoded in processes of their own, with limits of memory and time.

A decoder that crashes, swells or never returns costs one child process and one refusal, and the web
server goes on.
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


def take_picture(
    data: bytes, limits: DecodeLimits, *, name: str, pointer: str | None = None
) -> CleanPicture:
    """A stranger's picture, decoded whole within `limits`, without its metadata.

    Raises what `clean_picture` raises, and `UnusablePictureError` for one that took more than it may.
    """
    return begin_picture(data, limits, name=name, pointer=pointer)()


def begin_picture(
    data: bytes, limits: DecodeLimits, *, name: str, pointer: str | None = None
) -> Callable[[], CleanPicture]:
    """As `take_picture`, begun now: what is returned waits for it, and returns or raises."""
    future = _pool(limits.megabytes, limits.processes).schedule(
        _clean, args=(data, name, limits.pixels, pointer), timeout=limits.seconds
    )

    def finish() -> CleanPicture:
        cleaned, info = _outcome(future, limits, name, pointer)
        return CleanPicture(data=data if cleaned is None else cleaned, info=info)

    return finish


def take_video(
    data: bytes, limits: DecodeLimits, *, name: str, pointer: str | None = None
) -> PictureInfo:
    """What a stranger's video is, looked at within `limits`. Raises what `inspect_video` raises."""
    future = _pool(limits.megabytes, limits.processes).schedule(
        _inspect, args=(data, name, limits, pointer), timeout=limits.seconds
    )
    info: PictureInfo = _outcome(future, limits, name, pointer)
    return info


def take_thumbnail(data: bytes, media_type: str, limits: DecodeLimits, *, side: int = SIDE) -> bytes:
    """A WebP of `side` pixels of a picture or a video. Raises `NotFoundError` if none can be made."""
    future = _pool(limits.megabytes, limits.processes).schedule(
        _shrink, args=(data, media_type, side), timeout=limits.seconds
    )
    try:
        small: bytes = _outcome(future, limits, "it", None)
    except UnusablePictureError as error:
        raise NotFoundError(f"No small picture of it: {error.detail}") from None
    return small


def warm_up(limits: DecodeLimits) -> None:
    """Start the processes, which takes longer than decoding, before somebody waits for them."""
    _pool(limits.megabytes, limits.processes).schedule(int)


@cache
def _pool(megabytes: int, processes: int) -> ProcessPool:
    # Started anew rather than forked: a fork of a threaded server may inherit a lock that nobody frees.
    return ProcessPool(
        max_workers=processes,
        max_tasks=5_000,
        initializer=_confine,
        initargs=(megabytes,),
        context=get_context("spawn"),
    )


def _confine(megabytes: int) -> None:
    """Take from this process what decoding does not need."""
    limit = megabytes * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Ctrl-C reaches every process of a terminal; the parent decides when this one ends.
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
    except Exception:  # decoders raise many kinds of error, and all mean the same here
        return UnusablePictureError("it can't be decoded.")


def _clean(
    data: bytes, name: str, max_pixels: int, pointer: str | None
) -> tuple[bytes | None, PictureInfo] | JobsError:
    # Errors travel as values: their constructors are not what pickling expects.
    try:
        picture = clean_picture(data, name=name, max_pixels=max_pixels, pointer=pointer)
        # What was clean already need not travel back.
        return (None if picture.data == data else picture.data), picture.info
    except JobsError as error:
        return error.__class__(error.detail, pointer=error.pointer)
