"""A file opened through FFmpeg, with nothing else within its reach."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from nst_core.video.config import VideoError, VideoLimits

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream


def video_library() -> Any:
    """PyAV. Raises `VideoError` where it is not installed."""
    try:
        import av
        import av.logging
    except ImportError:
        raise VideoError(
            "Videos need PyAV and OpenCV, which are missing: pip install av opencv-python-headless."
        ) from None
    return av


@dataclass(frozen=True)
class Media:
    """An open file and its first moving stream."""

    container: InputContainer
    stream: VideoStream
    file: IO[bytes]

    def close(self) -> None:
        """Let go of the file."""
        self.container.close()
        self.file.close()


def open_media(source: Path) -> tuple[InputContainer, IO[bytes]]:
    """A file through FFmpeg, and the file itself, to be closed after it. Raises `VideoError`."""
    av = video_library()
    if not source.is_file():
        raise VideoError(f"There is no file {source}.")
    if not source.stat().st_size:
        raise VideoError(f"{source.name} is empty.")
    file = source.open("rb")
    try:
        # No protocol at all: a playlist must not read other files or the network.
        options = {"protocol_whitelist": "none"}
        container: InputContainer = av.open(file, options=options, metadata_errors="replace")
    except (av.FFmpegError, ValueError) as error:
        file.close()
        reason = str(getattr(error, "strerror", None) or "not recognised")
        raise VideoError(
            f"{source.name} is no video that can be read, or it is damaged: {reason}."
        ) from error
    return container, file


def open_video(source: Path, limits: VideoLimits) -> Media:
    """The file and its first moving stream, decoded in threads. Raises `VideoError`."""
    container, file = open_media(source)
    streams = [one for one in container.streams.video if not one.disposition & _attached()]
    if not streams or streams[0].codec_context is None:
        container.close()
        file.close()
        if streams:
            raise VideoError(f"{source.name} is in a codec that can't be read here.")
        raise VideoError(f"{source.name} has no video stream.")
    stream = streams[0]
    stream.thread_type = "AUTO"
    stream.codec_context.options = {"max_pixels": str(limits.pixels)}
    return Media(container, stream, file)


def _attached() -> Any:
    from av.stream import Disposition

    return Disposition.attached_pic | Disposition.timed_thumbnails
