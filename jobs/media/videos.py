"""Validation of uploaded videos: container, frame size, duration, and decoding of the first frames."""

from __future__ import annotations

import io
from itertools import islice
from typing import Any

from jobs.errors import JobsError, PictureTooLargeError, UnsupportedPictureError, UnusablePictureError
from jobs.media.pictures import PictureInfo

#: FFmpeg's names of containers → media type. No other container is accepted.
CONTAINERS = {
    "mov,mp4,m4a,3gp,3g2,mj2": "video/mp4",
    "matroska,webm": "video/x-matroska",
    "avi": "video/x-msvideo",
    "mpegts": "video/mp2t",
    "mpeg": "video/mpeg",
    "flv": "video/x-flv",
    "asf": "video/x-ms-wmv",
    "ogg": "video/ogg",
    "gif": "image/gif",
}
_NAMES = "MP4, MOV, MKV, WebM, AVI, MPEG, TS, FLV, WMV, OGV or GIF"


def inspect_video(
    data: bytes, *, name: str, max_pixels: int, max_seconds: float, pointer: str | None = None
) -> PictureInfo:
    """Check that `data` is one video, whole by its index, whose first frames can be decoded.

    Raises `UnsupportedPictureError`, `PictureTooLargeError` or `UnusablePictureError`.
    """
    try:
        import av
    except ImportError:
        raise UnsupportedPictureError("This server takes no videos.", pointer=pointer) from None
    try:
        # No protocol at all: a playlist must not read other files or the network.
        with av.open(io.BytesIO(data), options={"protocol_whitelist": "none"}) as container:
            stream, media_type = _moving(container, name, pointer)
            _check_limits(container, stream, name, max_pixels, max_seconds, pointer)
            _check_whole(stream, len(data), name, pointer)
            width, height = _decoded_size(container, stream, name, pointer)
            return PictureInfo(media_type=media_type, width=width, height=height)
    except JobsError:
        raise
    except MemoryError:
        raise
    except Exception:  # FFmpeg's errors are many, and all mean the same here
        raise UnsupportedPictureError(
            f"{name} is not a video that can be read, or it is damaged.", pointer=pointer
        ) from None


def _moving(container: Any, name: str, pointer: str | None) -> tuple[Any, str]:
    """The first moving picture, and the file's media type."""
    media_type = CONTAINERS.get(container.format.name)
    if media_type is None:
        raise UnsupportedPictureError(f"{name} is no {_NAMES} video.", pointer=pointer)
    for stream in container.streams.video:
        if not _is_cover(stream):
            return stream, media_type
    raise UnsupportedPictureError(f"{name} has no moving picture.", pointer=pointer)


def _check_limits(
    container: Any, stream: Any, name: str, max_pixels: int, max_seconds: float, pointer: str | None
) -> None:
    if stream.codec_context.width * stream.codec_context.height > max_pixels:
        raise PictureTooLargeError(
            f"The frames of {name} are larger than {max_pixels // 1_000_000} megapixels.",
            pointer=pointer,
        )
    seconds = (container.duration or 0) / 1_000_000
    if seconds > max_seconds:
        raise PictureTooLargeError(
            f"{name} lasts {seconds:.0f} s by its header; {max_seconds:.0f} s are taken.",
            pointer=pointer,
        )


def _decoded_size(container: Any, stream: Any, name: str, pointer: str | None) -> tuple[int, int]:
    frames = list(islice(container.decode(stream), 2))
    if not frames:
        raise UnusablePictureError(f"{name} has no frame that can be decoded.", pointer=pointer)
    if len(frames) == 1 and not container.streams.audio:
        raise UnusablePictureError(
            f"{name} is a still image; send it with kind=stylize.", pointer=pointer
        )
    return frames[0].width, frames[0].height


def _is_cover(stream: Any) -> bool:
    """Whether it is the picture on a sleeve, such as music has."""
    from av.stream import Disposition

    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def _check_whole(stream: Any, size: int, name: str, pointer: str | None) -> None:
    """The index of an MP4 says how long the file should be, if it comes first."""
    entries = stream.index_entries
    if len(entries) and entries[len(entries) - 1].pos + entries[len(entries) - 1].size > size:
        raise UnusablePictureError(
            f"{name} is cut short: its end is missing. Send the whole file.", pointer=pointer
        )
