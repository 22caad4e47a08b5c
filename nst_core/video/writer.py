"""Encoding of frames into segments, which are joined later without encoding again."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from nst_core.images.picture import Pixels
from nst_core.video.colors import on_white
from nst_core.video.config import VideoError
from nst_core.video.container import video_library
from params.video import VideoFormat

#: A fixed number: encoders give other bytes with other numbers of threads, and a run may be resumed on
#: another machine.
_THREADS = 4
#: Output formats that have an alpha channel; in the others a frame is composited on white.
ALPHA_FORMATS: tuple[VideoFormat, ...] = ("webm", "gif", "png")


@dataclass(frozen=True)
class Encoding:
    """An encoder with its options, and the container of its segments (FFmpeg's name)."""

    codec: str
    pixel_format: str
    options: dict[str, str]
    #: NUT keeps any codec and time base.
    container: str = "nut"


def encoding_for(format: VideoFormat, quality: int, *, transparent: bool = False) -> Encoding:
    """Encoding of the segments of `format`; `quality` (1 to 100) is a constant quality.

    There are no B-frames, so that every segment stands alone and times of any rate can follow each
    other. Frames for PNG and GIF are stored as PNG, without loss. `transparent` keeps alpha in
    `ALPHA_FORMATS`.
    """
    if format in ("png", "gif"):
        options = {"compression_level": "2", "pred": "sub"}
        return Encoding("png", "rgba" if transparent else "rgb24", options)
    if format == "webm":
        crf = round(63 - 0.45 * quality)
        options = {"crf": str(crf), "b": "0", "deadline": "good", "cpu-used": "5", "row-mt": "1"}
        if transparent:  # NUT drops the alpha of VP9, which travels beside the packets
            alpha = {"auto-alt-ref": "0"}
            return Encoding("libvpx-vp9", "yuva420p", options | alpha, "matroska")
        return Encoding("libvpx-vp9", "yuv420p", options)
    options = {"crf": f"{51 - 0.375 * quality:.2f}", "preset": "veryfast", "bf": "0"}
    return Encoding("libx264", "yuv420p", options)


class SegmentWriter:
    """Encodes frames (H, W, 3) uint8 into one file.

    H.264 needs even sides: the last column or row of an odd side is repeated. Frames have rising times
    in `time_base`. Raises `VideoError` if the encoder refuses.
    """

    def __init__(
        self,
        path: Path,
        encoding: Encoding,
        width: int,
        height: int,
        rate: Fraction,
        time_base: Fraction,
    ) -> None:
        av = video_library()
        self._av = av
        self._time_base = time_base
        self._odd = (width % 2, height % 2) if encoding.codec == "libx264" else (0, 0)
        self._pixel_format = encoding.pixel_format
        self._yuv = encoding.pixel_format.startswith("yuv")
        self._alpha = "a" in encoding.pixel_format
        # A file object, because FFmpeg takes "a:b" for a protocol and knows no names but UTF-8.
        self._file = path.open("wb")
        self._container: Any = av.open(self._file, "w", format=encoding.container)
        try:
            stream = self._container.add_stream(
                encoding.codec, rate=rate, options=dict(encoding.options)
            )
            stream.width, stream.height = width + self._odd[0], height + self._odd[1]
            stream.pix_fmt = encoding.pixel_format
            context = stream.codec_context
            context.time_base = time_base
            context.thread_count = _THREADS
            if self._yuv:  # BT.709, limited range: the default of players
                context.colorspace = context.color_primaries = context.color_trc = 1
                context.color_range = 1
            self._stream: Any = stream
        except (av.FFmpegError, ValueError) as error:
            self._discard()
            raise VideoError(f"{encoding.codec} takes no {width}×{height} frames: {error}.") from error

    def write(self, pixels: Pixels, pts: int, alpha: Pixels | None = None) -> None:
        """Encode one frame; `alpha` (H, W) None is opaque. Raises `VideoError`."""
        if self._alpha:
            opaque = np.full(pixels.shape[:2], 255, np.uint8)
            pixels = np.dstack((pixels, opaque if alpha is None else alpha))
        elif alpha is not None:
            pixels = on_white(pixels, alpha)
        if any(self._odd):
            pixels = np.pad(pixels, [(0, self._odd[1]), (0, self._odd[0]), (0, 0)], mode="edge")
        frame = self._av.VideoFrame.from_ndarray(
            np.ascontiguousarray(pixels), format="rgba" if self._alpha else "rgb24"
        )
        if self._yuv:
            frame = frame.reformat(
                format=self._pixel_format, dst_colorspace=1, dst_color_range=1, interpolation="AREA"
            )
        frame.pts, frame.time_base = pts, self._time_base
        try:
            self._container.mux(self._stream.encode(frame))
        except self._av.FFmpegError as error:
            raise VideoError(f"A frame could not be encoded: {error.strerror}.") from error

    def close(self) -> None:
        """Finish the file. Raises `VideoError`."""
        try:
            self._container.mux(self._stream.encode(None))
            self._container.close()
        except self._av.FFmpegError as error:
            raise VideoError(f"The frames could not be encoded: {error.strerror}.") from error
        finally:
            self._file.close()

    def _discard(self) -> None:
        self._container.close()
        self._file.close()

    def __enter__(self) -> SegmentWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self._discard()
