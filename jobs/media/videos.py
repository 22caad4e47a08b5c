"""Validation of uploaded videos: container, frame size, duration, and decoding of the first frames."""

from __future__ import annotations

import io
from typing import Any

from imaging.animations import is_animated_webp, readable_animation
from imaging.media_times import measure_times
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
    "apng": "image/apng",
}
#: A pixel aspect ratio beyond 1:4 or 4:1 is a mistake of the writer, and ignored.
_MIN_PIXEL_ASPECT = 0.25
_NAMES = "MP4, MOV, MKV, WebM, AVI, MPEG, TS, FLV, WMV, OGV, GIF, APNG or animated WebP"


def inspect_video(
    data: bytes, *, name: str, max_pixels: int, max_seconds: float, pointer: str | None = None
) -> PictureInfo:
    """Check that `data` is one video, complete by its index, whose first frame can be decoded.

    Lengths are those of the packets, whatever the header states.

    Raises `UnsupportedPictureError`, `PictureTooLargeError` or `UnusablePictureError`.
    """
    try:
        import av  # noqa: F401
    except ImportError:
        raise UnsupportedPictureError("This server takes no videos.", pointer=pointer) from None
    try:
        file = readable_animation(data, max_pixels)
        # Opened twice: the first pass reads the times of all packets, the second one decodes.
        with _opened(file) as container:
            stream, media_type = _video_stream(container, name, pointer)
            seconds = measure_times(container, stream).of(stream).end_s
            _check_limits(stream, seconds, name, max_pixels, max_seconds, pointer)
            _check_whole(stream, len(file), name, pointer)
        with _opened(file) as container:
            stream, _ = _video_stream(container, name, pointer)
            width, height = _shown_size(container, stream, name, pointer)
        media_type = "image/webp" if is_animated_webp(data[:21]) else media_type
        return PictureInfo(media_type=media_type, width=width, height=height)
    except JobsError:
        raise
    except MemoryError:
        raise
    except Exception:  # FFmpeg's errors are many; all mean a broken or unknown file
        raise UnsupportedPictureError(
            f"{name} is not a video that can be read, or it is damaged.", pointer=pointer
        ) from None


def _opened(data: bytes) -> Any:
    import av

    # No protocol at all: a playlist must not read other files or the network.
    return av.open(io.BytesIO(data), options={"protocol_whitelist": "none"})


def _video_stream(container: Any, name: str, pointer: str | None) -> tuple[Any, str]:
    """The first video stream that is no cover art, and the media type of the file."""
    media_type = CONTAINERS.get(container.format.name)
    if media_type is None:
        raise UnsupportedPictureError(f"{name} is no {_NAMES} video.", pointer=pointer)
    for stream in container.streams.video:
        if not _is_cover(stream):
            return stream, media_type
    raise UnsupportedPictureError(f"{name} has no moving picture.", pointer=pointer)


def _check_limits(
    stream: Any, seconds: float, name: str, max_pixels: int, max_seconds: float, pointer: str | None
) -> None:
    if stream.codec_context.width * stream.codec_context.height > max_pixels:
        raise PictureTooLargeError(
            f"The frames of {name} are larger than {max_pixels // 1_000_000} megapixels.",
            pointer=pointer,
        )
    if seconds > max_seconds:
        raise PictureTooLargeError(
            f"{name} lasts {seconds:.0f} s; {max_seconds:.0f} s are taken.", pointer=pointer
        )


def _shown_size(container: Any, stream: Any, name: str, pointer: str | None) -> tuple[int, int]:
    """Size of the first frame with square pixels, upright. Decodes that frame."""
    first = next(container.decode(stream), None)
    if first is None:
        raise UnusablePictureError(f"{name} has no frame that can be decoded.", pointer=pointer)
    width, height, ratio = first.width, first.height, stream.sample_aspect_ratio
    if ratio and _MIN_PIXEL_ASPECT <= ratio <= 1 / _MIN_PIXEL_ASPECT:
        width = round(width * ratio)
    return (height, width) if first.rotation % 180 else (width, height)


def _is_cover(stream: Any) -> bool:
    """Whether a stream is cover art, as in music files."""
    from av.stream import Disposition

    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def _check_whole(stream: Any, size: int, name: str, pointer: str | None) -> None:
    """An MP4 with its index first states how long the file should be."""
    entries = stream.index_entries
    if len(entries) and entries[len(entries) - 1].pos + entries[len(entries) - 1].size > size:
        raise UnusablePictureError(
            f"{name} is cut short: its end is missing. Send the whole file.", pointer=pointer
        )
