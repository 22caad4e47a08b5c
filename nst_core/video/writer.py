"""Encoding: frames into a segment that can be joined with others without encoding again."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from nst_core.images.picture import Pixels
from nst_core.video.config import VideoError, VideoFormat
from nst_core.video.container import video_library

#: Encoders give other bytes with other numbers of threads, and a run may go on on another machine.
_THREADS = 4


@dataclass(frozen=True)
class Encoding:
    """An encoder and its options."""

    codec: str
    pixel_format: str
    options: dict[str, str]


def encoding_for(format: VideoFormat, quality: int) -> Encoding:
    """How frames of `format` are kept. `quality` (1 to 100) becomes the encoder's constant quality.

    Without B-frames, so that every segment stands alone and times of any rate can follow each other.
    Pictures for PNG and GIF are kept as PNG, which loses nothing.
    """
    if format in ("png", "gif"):
        return Encoding("png", "rgb24", {"compression_level": "2", "pred": "sub"})
    if format == "webm":
        crf = round(63 - 0.45 * quality)
        options = {"crf": str(crf), "b": "0", "deadline": "good", "cpu-used": "5", "row-mt": "1"}
        return Encoding("libvpx-vp9", "yuv420p", options)
    options = {"crf": f"{51 - 0.375 * quality:.2f}", "preset": "veryfast", "bf": "0"}
    return Encoding("libx264", "yuv420p", options)


class SegmentWriter:
    """Writes frames (H, W, 3) uint8 into one file in NUT, which keeps any codec and time base.

    H.264 wants even sides: the last column or row of an odd one is repeated. Frames come with rising
    times in `time_base`. Raises `VideoError` if the encoder refuses.
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
        self._time_base = time_base
        self._odd = (width % 2, height % 2) if encoding.codec == "libx264" else (0, 0)
        self._yuv = encoding.pixel_format == "yuv420p"
        self._pixel_format = encoding.pixel_format
        self._frame_type = av.VideoFrame
        self._container: Any = av.open(str(path), "w", format="nut")
        try:
            stream = self._container.add_stream(
                encoding.codec, rate=rate, options=dict(encoding.options)
            )
            stream.width, stream.height = width + self._odd[0], height + self._odd[1]
            stream.pix_fmt = encoding.pixel_format
            context = stream.codec_context
            context.time_base = time_base
            context.thread_count = _THREADS
            if self._yuv:  # BT.709, limited range: what players take for granted
                context.colorspace = context.color_primaries = context.color_trc = 1
                context.color_range = 1
            self._stream: Any = stream
        except (av.FFmpegError, ValueError) as error:
            self._container.close()
            raise VideoError(f"{encoding.codec} takes no {width}×{height} frames: {error}.") from error

    def write(self, pixels: Pixels, pts: int) -> None:
        """Encode one frame."""
        if any(self._odd):
            pixels = np.pad(pixels, [(0, self._odd[1]), (0, self._odd[0]), (0, 0)], mode="edge")
        frame = self._frame_type.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        if self._yuv:
            frame = frame.reformat(
                format=self._pixel_format, dst_colorspace=1, dst_color_range=1, interpolation="AREA"
            )
        frame.pts, frame.time_base = pts, self._time_base
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file."""
        self._container.mux(self._stream.encode(None))
        self._container.close()

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
            self._container.close()
