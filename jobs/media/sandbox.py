"""Sandbox for decoding untrusted uploads: child processes with limits of memory and time.

A decoder that crashes, exhausts memory or never returns costs one child process and one refused upload;
the web server continues.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future, wait
from functools import cache
from typing import Any

from jobs.errors import BusyError, JobsError, NotFoundError, UnusablePictureError
from jobs.media.decode_caller import current_caller
from jobs.media.decoded_photos import StagedPhoto, WorkerSize
from jobs.media.decoder_pool import (
    ChildDiedError,
    ChildStartError,
    DecoderPool,
    NotInTimeError,
    Receiver,
    WithBytes,
)
from jobs.media.limits import DecodeLimits
from jobs.media.pictures import CleanPicture, PictureInfo, clean_picture
from jobs.media.thumbnails import SIDE, make_thumbnail
from jobs.media.videos import inspect_video

#: Longest time in seconds that a readiness check waits for a decoder, which may have to start first.
CHECK_SECONDS = 5.0
#: Seconds for which a request waits for its decoder without a slot: longer than usual files take.
QUICK_SECONDS = 0.5


def check_picture(
    data: bytes, limits: DecodeLimits, *, name: str, pointer: str | None = None
) -> CleanPicture:
    """Validate an untrusted picture within `limits` and remove its metadata.

    Raises the errors of `clean_picture`, and `UnusablePictureError` for a picture that exceeds the
    limits.
    """
    return submit_picture_check(data, limits, name=name, pointer=pointer)()


def submit_picture_check(
    data: bytes,
    limits: DecodeLimits,
    *,
    name: str,
    pointer: str | None = None,
    photo: StagedPhoto | None = None,
) -> Callable[[], CleanPicture]:
    """Start `check_picture` in the background; the returned function waits for its result or error.

    `photo` receives the pixels for a worker, if they are few enough.
    """

    def receive(outcome: Any, pixels: memoryview) -> None:
        if photo is not None:
            photo.write(outcome[-1], pixels)

    size = None if photo is None else WorkerSize(long_side=photo.long_side)
    future = _submit(limits, _clean, data, name, limits.pixels, pointer, size, receive=receive)

    def finish() -> CleanPicture:
        cleaned, info, _ = _outcome(future, limits, name, pointer)
        return CleanPicture(data=data if cleaned is None else cleaned, info=info)

    return finish


def check_video(
    data: bytes, limits: DecodeLimits, *, name: str, pointer: str | None = None
) -> PictureInfo:
    """Validate an untrusted video within `limits`. Raises the errors of `inspect_video`."""
    future = _submit(limits, _inspect, data, name, limits, pointer)
    info: PictureInfo = _outcome(future, limits, name, pointer)
    return info


def thumbnail_in_sandbox(
    data: bytes, media_type: str, limits: DecodeLimits, *, side: int = SIDE
) -> bytes:
    """WebP thumbnail of `side` pixels of a picture or video.

    Raises `NotFoundError` if decoding fails.
    """
    future = _submit(limits, _shrink, data, media_type, side)
    try:
        small: bytes = _outcome(future, limits, "it", None)
    except UnusablePictureError as error:
        raise NotFoundError(f"No small picture of it: {error.detail}") from None
    return small


def warm_up(limits: DecodeLimits) -> None:
    """Start the decoder processes ahead of the first request: starting takes longer than decoding."""
    pool_of(limits)


def check_decoders(limits: DecodeLimits) -> None:
    """Readiness of the decoder processes: starts them where they died.

    Raises `TimeoutError` or `ChildStartError` if none can be started.
    """
    pool_of(limits).check(CHECK_SECONDS)


def pool_of(limits: DecodeLimits) -> DecoderPool:
    """The decoder processes of these limits; started by the first call."""
    return _pool(limits.megabytes, limits.processes)


@cache
def _pool(megabytes: int, processes: int) -> DecoderPool:
    return DecoderPool(megabytes=megabytes, processes=processes)


def _submit(
    limits: DecodeLimits,
    function: Callable[..., Any],
    *args: Any,
    receive: Receiver | None = None,
) -> Future[Any]:
    caller = current_caller.get()
    pool = pool_of(limits)
    if caller is None:
        return pool.submit(function, *args, seconds=limits.seconds, receive=receive)
    if not caller.has_slot():
        raise BusyError(_BUSY)
    deadline = caller.deadline(limits.request_seconds)
    future = pool.submit(
        function,
        *args,
        seconds=limits.seconds,
        owner=caller.owner,
        deadline=deadline,
        receive=receive,
    )
    caller.add(future)
    return future


def _wait(future: Future[Any]) -> Any:
    """The result of a task. A request that waits longer than `QUICK_SECONDS` needs a slot."""
    caller = current_caller.get()
    if caller is not None:
        wait([future], QUICK_SECONDS)
        if not future.done():
            with caller.slot():
                return future.result()
    return future.result()


_BUSY = "Too many slow files are being decoded; try again in a moment."


def _outcome(future: Future[Any], limits: DecodeLimits, name: str, pointer: str | None) -> Any:
    try:
        outcome = _wait(future)
    except (NotInTimeError, CancelledError):
        raise BusyError(
            f"Decoding the files of this request takes longer than {limits.request_seconds:g} s; "
            "send fewer at a time."
        ) from None
    except TimeoutError:
        outcome = UnusablePictureError(
            f"{name} takes longer to decode than the {limits.seconds:g} s allowed.", pointer=pointer
        )
    except ChildStartError as error:
        raise BusyError("No process could be started to decode the file; try again later.") from error
    except (ChildDiedError, MemoryError):
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
    data: bytes, name: str, max_pixels: int, pointer: str | None, worker_size: WorkerSize | None
) -> WithBytes | JobsError:
    # Errors are returned as values: their constructors can't be pickled.
    try:
        picture = clean_picture(
            data, name=name, max_pixels=max_pixels, pointer=pointer, worker_size=worker_size
        )
    except JobsError as error:
        return error.__class__(error.detail, pointer=error.pointer)
    # Unchanged bytes need not be sent back between the processes.
    changed = None if picture.data == data else picture.data
    pixels = picture.pixels
    return WithBytes((changed, picture.info, pixels and pixels.layout), pixels.planes if pixels else ())
