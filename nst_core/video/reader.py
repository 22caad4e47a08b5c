"""Frames of any video that FFmpeg reads, upright, with square pixels, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from nst_core.images.picture import Pixels
from nst_core.video.clock import Clock, format_duration
from nst_core.video.colors import to_rgb
from nst_core.video.config import VideoError, VideoLimits
from nst_core.video.container import open_video, video_library
from nst_core.video.duration import counted_s, header_s, missing_from_s
from nst_core.video.orientation import Orientation

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame

#: Rates above this are the clock of a file without a steady rate, not frames in a second.
_FASTEST = 240
#: Containers whose index leads to the right key frame; the others are read from their start.
_INDEXED = ("mov", "matroska")


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What a file says of itself. `width` and `height` are those of an upright frame as it is given.

    `frames` and `seconds` are of the trimmed part, by the header or, where it does not say, packets.
    `rotation` is counter-clockwise, in quarters of a turn, before any mirroring.
    """

    width: int
    height: int
    rate: Fraction
    time_base: Fraction
    seconds: float
    frames: int
    rotation: int
    codec: str
    audio: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Frame:
    """`pixels` (H, W, 3) at `pts` units of the reader's time base after the start of the result."""

    index: int
    pts: int
    pixels: Pixels


class VideoReader:
    """Decodes one video from `start_s` to `end_s`, in seconds; `size` is the longer side of its frames.

    A video with more than `max_rate` frames per second is thinned out evenly. Raises `VideoError`: no
    video, a still image, damaged, or beyond `limits`.
    """

    def __init__(
        self,
        source: Path,
        *,
        limits: VideoLimits | None = None,
        start_s: float = 0.0,
        end_s: float | None = None,
        size: int | None = None,
        max_rate: int | None = None,
    ) -> None:
        self._source = source
        self._limits = limits or VideoLimits()
        self._start_s, self._end_s, self._size = start_s, end_s, size
        self._media = open_video(source, self._limits)
        try:
            self._open(max_rate)
        except BaseException:
            self.close()
            raise

    def _open(self, max_rate: int | None) -> None:
        seconds = self._span()
        self._check(seconds)
        stream, container = self._media.stream, self._media.container
        self._base = Fraction(stream.time_base or Fraction(1, 90_000))
        rate = next(
            (
                Fraction(rate)
                for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate)
                if rate and 0 < rate <= _FASTEST
            ),
            Fraction(25),
        )
        self._every = 1 if max_rate is None else max(1, -(-rate // max_rate))
        self._origin_s = (container.start_time or 0) / 1_000_000 + self._start_s
        self._origin = round(self._origin_s / self._base)
        self._clock = Clock(self._base, rate)
        self.time_base = self._clock.base
        first = self._first()
        if self._is_still(container, first):
            raise VideoError(f"{self._source.name} is a still image. Use stylize for images.")
        self._orientation = Orientation.of(first[0])
        width, height = self._shape(first[0])
        self.info = VideoInfo(
            width=width,
            height=height,
            rate=rate / self._every,
            time_base=self.time_base,
            seconds=seconds,
            frames=round(seconds * rate / self._every),
            rotation=90 * self._orientation.turns,
            codec=stream.codec_context.name,
            audio=tuple(
                audio.codec_context.name if audio.codec_context is not None else "unknown"
                for audio in container.streams.audio
            ),
        )

    def _span(self) -> float:
        name, start = self._source.name, self._start_s
        whole = header_s(self._media)
        if not whole:
            whole = counted_s(self._media)
            self._media.close()
            self._media = open_video(self._source, self._limits)
        if whole and start >= whole:
            raise VideoError(f"{name} lasts {whole:.2f} s; the start, {start:g} s, is after.")
        end = whole if self._end_s is None else min(self._end_s, whole or self._end_s)
        missing = missing_from_s(self._media)
        if missing is not None and missing < end:
            raise VideoError(
                f"{name} is cut short: of {whole:.1f} s only the first {missing:.1f} s are there. "
                "Send the whole file, or end before that."
            )
        return max(0.0, end - start)

    def _check(self, seconds: float) -> None:
        limits, name, stream = self._limits, self._source.name, self._media.stream
        if seconds > limits.seconds:
            raise VideoError(
                f"{name} lasts {format_duration(seconds)} by its header, more than the limit of "
                f"{format_duration(limits.seconds)}. Trim it."
            )
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > limits.pixels:
            raise VideoError(
                f"{name} has frames of {width}×{height} pixels, more than the limit of "
                f"{limits.pixels:,}. Send a smaller video."
            )

    def _first(self) -> list[VideoFrame]:
        """Up to two frames of the beginning."""
        found: list[VideoFrame] = []
        for frame in self._decoded():
            found.append(frame)
            if len(found) == 2:
                break
        if not found:
            raise VideoError(f"{self._source.name} holds no frame that can be decoded. It is damaged.")
        return found

    def _is_still(self, container: InputContainer, first: list[VideoFrame]) -> bool:
        name = container.format.name
        return len(first) == 1 and (
            name.endswith("_pipe") or not container.streams.audio or name in ("image2", "gif", "apng")
        )

    def _shape(self, frame: VideoFrame) -> tuple[int, int]:
        ratio = self._media.stream.sample_aspect_ratio
        width, height = frame.width, frame.height
        if ratio and ratio > 0 and ratio != 1 and Fraction(1, 4) <= ratio <= 4:
            width = round(width * ratio)
        if self._orientation.sideways:
            width, height = height, width
        if self._size is not None:
            scale = self._size / max(width, height)
            width, height = max(1, round(width * scale)), max(1, round(height * scale))
        return width, height

    def frames(self, after: Frame | None = None) -> Iterator[Frame]:
        """The frames, those after `after` if given, which must be one of this reader's.

        Raises `VideoError` where the file is damaged or turns out to be beyond the limits, and
        `LookupError` if `after` is not in the file.
        """
        if after is None:
            yield from self._given(0, None)
            return
        if self._media.container.format.name.split(",")[0] in _INDEXED:
            found = self._following(after, self._sought(after))
            if found is not None:
                yield from found
                return
        found = self._following(after, self._given(0, None))
        if found is None:
            raise LookupError(f"{self._source.name} is another file than it was.")
        yield from found

    def _sought(self, after: Frame) -> Iterator[Frame]:
        return self._given(after.index, after.pts)

    def _following(self, after: Frame, frames: Iterator[Frame]) -> Iterator[Frame] | None:
        """What comes after the frame that equals `after`; None if none does."""
        for frame in frames:
            if frame.pts == after.pts:
                return frames if np.array_equal(frame.pixels, after.pixels) else None
            if frame.pts > after.pts:
                return None
        return None

    def _given(self, index: int, seek: int | None) -> Iterator[Frame]:
        """Frames of the trimmed part from the one whose pts is `seek` and whose number is `index`."""
        self._restart(None if seek is None else int(seek * self.time_base / self._base) + self._origin)
        last, number = -1, 0
        step = max(1, round(1 / (self.info.rate * self._every * self.time_base)))
        end = None if self._end_s is None else (self._end_s - self._start_s) / self.time_base
        for frame in self._decoded():
            pts = last + step if frame.pts is None else self._clock.time(frame.pts - self._origin)
            if pts <= last or pts < (seek or 0):
                continue  # before the start, or a clock that went back
            if end is not None and pts >= end:
                return
            last = pts
            number += 1
            if (number - 1) % self._every:
                continue
            self._check_frame(frame, index, pts)
            yield Frame(index, pts, self._pixels(frame))
            index += 1

    def _check_frame(self, frame: VideoFrame, index: int, pts: int) -> None:
        limits = self._limits
        if index >= limits.frames or pts * self.time_base > limits.seconds:
            raise VideoError(
                f"{self._source.name} goes on beyond the limit of {limits.frames:,} frames and "
                f"{format_duration(limits.seconds)}. Trim it."
            )
        if frame.width * frame.height > limits.pixels:
            raise VideoError(f"{self._source.name} turns larger than {limits.pixels:,} pixels.")

    def _pixels(self, frame: VideoFrame) -> Pixels:
        width, height = self.info.width, self.info.height
        if self._orientation.sideways:
            width, height = height, width
        return self._orientation.upright(to_rgb(frame, width, height))

    def _restart(self, pts: int | None) -> None:
        self._media.close()
        self._media = open_video(self._source, self._limits)
        start = self._origin if pts is None else pts
        indexed = self._media.container.format.name.split(",")[0] in _INDEXED
        if indexed and (pts is not None or self._start_s > 1):
            self._media.container.seek(start, stream=self._media.stream, backward=True)

    def _decoded(self) -> Iterator[VideoFrame]:
        position = 0.0
        try:
            for frame in self._media.container.decode(self._media.stream):
                position = frame.time or position
                yield frame
        except video_library().FFmpegError as error:
            raise VideoError(
                f"{self._source.name} is damaged after {position:.1f} s "
                f"({error.strerror or 'no reason given'}). Trim it to what comes before."
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        self._media.close()

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
