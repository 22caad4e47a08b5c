"""Opening of video files through FFmpeg, confined to the one file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from imaging.animations import is_animation, readable_animation
from nst_core.video.config import VideoError, VideoLimits

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

#: Decoders that read the alpha channel of a codec; FFmpeg's own decoders ignore it.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def video_library() -> Any:
    """The PyAV module. Raises `VideoError` if it is not installed."""
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
    """An open file, its first video stream that is no cover art, and the decoder of that stream."""

    container: InputContainer
    stream: VideoStream
    decoder: Any
    file: IO[bytes]

    def close(self) -> None:
        """Close the file."""
        self.container.close()
        self.file.close()


def open_media(source: Path) -> tuple[InputContainer, IO[bytes]]:
    """Open a file with FFmpeg; returns the file object too, to be closed last. Raises `VideoError`."""
    av = video_library()
    if not source.is_file():
        raise VideoError(f"There is no file {source}.")
    if not source.stat().st_size:
        raise VideoError(f"{source.name} is empty.")
    file: IO[bytes] = source.open("rb")
    changed = _changed(source, source.stat().st_mtime_ns) if is_animation(file.read(21)) else None
    file.seek(0)
    if changed is not None:
        file.close()
        file = BytesIO(changed)
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
    """Open a file and its first video stream, decoded in threads. Raises `VideoError`."""
    container, file = open_media(source)
    streams = [one for one in container.streams.video if not one.disposition & _cover_art()]
    if not streams or streams[0].codec_context is None:
        container.close()
        file.close()
        if streams:
            raise VideoError(f"{source.name} is in a codec that can't be read here.")
        raise VideoError(f"{source.name} has no video stream.")
    stream = streams[0]
    stream.thread_type = "AUTO"
    stream.codec_context.options = {"max_pixels": str(limits.pixels)}
    return Media(container, stream, _decoder(stream, limits), file)


def _decoder(stream: VideoStream, limits: VideoLimits) -> Any:
    """The stream's decoder, or another one that reads its alpha channel too."""
    av = video_library()
    name = _ALPHA_DECODERS.get(stream.codec_context.name)
    if name is None or stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")) != "1":
        return stream.codec_context
    try:
        decoder = av.CodecContext.create(name, "r")
    except (av.FFmpegError, ValueError):  # FFmpeg without this decoder: the alpha channel is lost
        return stream.codec_context
    decoder.extradata = stream.codec_context.extradata
    decoder.options = {"max_pixels": str(limits.pixels)}
    return decoder


def _cover_art() -> Any:
    from av.stream import Disposition

    return Disposition.attached_pic | Disposition.timed_thumbnails


@lru_cache(maxsize=1)
def _changed(source: Path, _modified: int) -> bytes | None:
    """An animation as FFmpeg reads it, None if FFmpeg reads the file itself.

    Kept for the next call: a render opens its source several times.
    """
    try:
        data = source.read_bytes()
        readable = readable_animation(data, VideoLimits().pixels)
    except (OSError, EOFError, ValueError) as error:
        raise VideoError(f"{source.name} is damaged or too large: {error}.") from error
    return None if readable is data else readable
