"""Decoding of videos: upright frames with square pixels and their presentation times, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from heapq import heappop, heappush
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from imaging.media_times import NO_PRESENTATION_TIMES, MediaTimes, measure_times
from nst_core.images.picture import Pixels
from nst_core.video.clock import Clock, format_duration
from nst_core.video.colors import has_alpha, to_rgb, to_rgba
from nst_core.video.config import VideoError, VideoLimits
from nst_core.video.container import open_video, video_library
from nst_core.video.duration import header_s, missing_from_s
from nst_core.video.interlacing import deinterlaced
from nst_core.video.orientation import Orientation

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

#: Higher rates are the clock of a file without a steady rate, not frames per second.
_MAX_RATE = 240
#: Containers whose index leads to the right key frame; others are read from their start.
_INDEXED = ("mov", "matroska")
#: Containers that round times to milliseconds.
_ROUNDED = ("matroska,webm", "flv", "asf", "live_flv")
#: Animations are decoded to RGBA even if they are opaque, and are short enough to be looked through.
_ANIMATIONS = ("gif", "apng")
_ANIMATION_FRAMES = 1_000
#: Demuxers of single pictures.
_PICTURES = ("image2", "_pipe")


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """Properties of a source. `width` and `height` are those of the frames that the reader returns.

    `frames` and `seconds` are those of the trimmed part. `rotation` is in degrees counter-clockwise,
    before any flip. `transparent` says that frames have alpha. `jumps_s` are the times at which the
    file's clock jumps, in seconds after the start of the file. `missing_s` is the time by which the
    file is shorter than its header states, 0 if it is whole.
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
    transparent: bool = False
    jumps_s: tuple[float, ...] = ()
    missing_s: float = 0.0


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame: `pixels` (H, W, 3), shown at `pts` for `duration`, in units of the reader's time base.

    `pts` counts from the start of the result. `duration` is 0 where the file states none. `alpha` (H,
    W) is None if the frame is opaque.
    """

    index: int
    pts: int
    pixels: Pixels
    duration: int = 0
    alpha: Pixels | None = None


class VideoReader:
    """Decodes one video from `start_s` to `end_s`, in seconds; `size` is the longer side of its frames.

    A video with more than `max_rate` frames per second is thinned out evenly. The parts of a joined
    file (transport and program streams) follow each other without a gap. Raises `VideoError`: no video,
    a picture, damaged, or beyond `limits`.
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
        stream, container = self._media.stream, self._media.container
        self._base = Fraction(stream.time_base or Fraction(1, 90_000))
        rate = next(
            (
                Fraction(rate)
                for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate)
                if rate and 0 < rate <= _MAX_RATE
            ),
            Fraction(25),
        )
        self._every = 1 if max_rate is None else max(1, -(-rate // max_rate))
        rounded = container.format.name in _ROUNDED
        self._clock = Clock(self._base, rate, rounded=rounded)
        self.time_base = self._clock.base
        self._reordered = container.format.name in NO_PRESENTATION_TIMES
        stated, missing_from = header_s(self._media), missing_from_s(self._media)
        self._check_size()
        self.times = self._measured()
        seconds, frames = self._span(stated, missing_from)
        self._start = round(Fraction(self._start_s) / self._base)
        first = self._first()
        if len(first) == 1 and self._media.container.format.name.endswith(_PICTURES):
            raise VideoError(f"{self._source.name} is a still image. Use stylize for images.")
        self._orientation = Orientation.of(first[0])
        width, height = self._shape(first[0])
        stream, container = self._media.stream, self._media.container
        self.info = VideoInfo(
            width=width,
            height=height,
            rate=rate / self._every,
            time_base=self.time_base,
            seconds=seconds,
            frames=-(-frames // self._every),
            rotation=90 * self._orientation.turns,
            codec=stream.codec_context.name,
            audio=tuple(
                audio.codec_context.name if audio.codec_context is not None else "unknown"
                for audio in container.streams.audio
            ),
            transparent=self._is_transparent(first[0]),
            jumps_s=tuple(self.times.jumps_s(stream)),
            missing_s=self._missing(stated),
        )

    def _measured(self) -> MediaTimes:
        times = measure_times(self._media.container, self._media.stream)
        self._media.close()
        self._media = open_video(self._source, self._limits)
        return times

    def _missing(self, stated: float) -> float:
        """Seconds between the end of the packets and the end that the header states, if noticeable."""
        # A header counts from the start of the file or from zero.
        missing = stated - max(self.times.end_s, self.times.raw_end_s)
        return missing if missing > max(1.0, 0.05 * stated) else 0.0

    def _span(self, stated: float, missing_from: float | None) -> tuple[float, int]:
        """Length in seconds and number of frames of the trimmed part. Raises `VideoError`."""
        name, start = self._source.name, self._start_s
        times = self.times.of(self._media.stream)
        whole = times.end_s
        end = whole if self._end_s is None else min(self._end_s, whole or self._end_s)
        if missing_from is not None and missing_from < (self._end_s or stated):
            raise VideoError(
                f"{name} is cut short: of {stated:.1f} s only the first {missing_from:.1f} s are "
                "there. Send the whole file, or end before that."
            )
        chosen = sum(start <= time + 1e-6 and time < end for time in times.frames)
        if start and not chosen and times.frames:
            last = max(times.frames)
            raise VideoError(
                f"{name} lasts {whole:.2f} s; the start, {start:g} s, is after its last frame, "
                f"at {last:g} s."
            )
        seconds = max(0.0, end - start)
        if seconds > self._limits.seconds:
            raise VideoError(
                f"{name} lasts {format_duration(seconds)}, more than the limit of "
                f"{format_duration(self._limits.seconds)}. Trim it."
            )
        return seconds, chosen

    def _check_size(self) -> None:
        limits, context = self._limits, self._media.stream.codec_context
        if context.width * context.height > limits.pixels:
            raise VideoError(
                f"{self._source.name} has frames of {context.width}×{context.height} pixels, more than "
                f"the limit of {limits.pixels:,}. Send a smaller video."
            )

    def _first(self) -> list[VideoFrame]:
        """Up to two frames from the beginning."""
        found: list[VideoFrame] = []
        for frame, _ in self._decoded():
            found.append(frame)
            if len(found) == 2:
                break
        if not found:
            raise VideoError(f"{self._source.name} holds no frame that can be decoded. It is damaged.")
        return found

    def _is_transparent(self, first: VideoFrame) -> bool:
        """Whether frames have an alpha channel; of animations, whether a pixel is transparent."""
        if not has_alpha(first) or self._media.container.format.name not in _ANIMATIONS:
            return has_alpha(first)
        self._restart(None)
        return any(
            to_rgba(frame, frame.width, frame.height)[..., 3].min() < 255
            for frame, _ in islice(self._decoded(), _ANIMATION_FRAMES)
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
        """All frames, or those after `after`, which must be one of this reader's.

        Raises `VideoError` where the file is damaged or turns out to be beyond the limits, and
        `LookupError` if `after` is not in the file.
        """
        if after is None:
            yield from self._trimmed(0, None)
            return
        if self._can_seek():
            found = self._following(after, self._trimmed(after.index, after.pts))
            if found is not None:
                yield from found
                return
        found = self._following(after, self._trimmed(0, None))
        if found is None:
            raise LookupError(f"{self._source.name} is another file than it was.")
        yield from found

    def _can_seek(self) -> bool:
        indexed = self._media.container.format.name.split(",")[0] in _INDEXED
        return indexed and not self.times.jumps_s(self._media.stream)

    def _following(self, after: Frame, frames: Iterator[Frame]) -> Iterator[Frame] | None:
        """The frames after the one that equals `after`; None if there is no such frame."""
        for frame in frames:
            if frame.pts == after.pts:
                return frames if np.array_equal(frame.pixels, after.pixels) else None
            if frame.pts > after.pts:
                return None
        return None

    def _trimmed(self, index: int, seek: int | None) -> Iterator[Frame]:
        """Frames of the trimmed part, from the one at time `seek` with number `index`."""
        self._restart(seek)
        last, number = -1, 0
        step = max(1, round(1 / (self.info.rate * self._every * self.time_base)))
        end = None if self._end_s is None else (self._end_s - self._start_s) / self.time_base
        for frame, units in self._decoded():
            pts = last + step if units is None else self._clock.time(units - self._start)
            if pts < (seek or 0):
                continue
            if end is not None and pts >= end:
                return
            # Frames of one time: the later one is shown a unit later, and not dropped.
            pts = max(pts, last + 1)
            last = pts
            number += 1
            if (number - 1) % self._every:
                continue
            self._check_frame(frame, index, pts)
            duration = self._clock.duration(frame.duration or 0)
            pixels, alpha = self._pixels(frame)
            yield Frame(index, pts, pixels, duration, alpha)
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

    def _pixels(self, frame: VideoFrame) -> tuple[Pixels, Pixels | None]:
        width, height = self.info.width, self.info.height
        if self._orientation.sideways:
            width, height = height, width
        if not self.info.transparent:
            return self._orientation.upright(to_rgb(frame, width, height)), None
        rgba = self._orientation.upright(to_rgba(frame, width, height))
        alpha = np.ascontiguousarray(rgba[..., 3])
        opaque = bool((alpha == 255).all())
        return np.ascontiguousarray(rgba[..., :3]), None if opaque else alpha

    def _restart(self, seek: int | None) -> None:
        self._media.close()
        self._media = open_video(self._source, self._limits)
        self._at_start = not (self._can_seek() and (seek is not None or self._start_s > 1))
        if not self._at_start:
            units = self._start + (0 if seek is None else int(seek * self.time_base / self._base))
            shift = self.times.of(self._media.stream).shift(0)
            target = units - round(shift / self._base)
            self._media.container.seek(target, stream=self._media.stream, backward=True)

    def _decoded(self) -> Iterator[tuple[VideoFrame, int | None]]:
        """Frames in order of presentation, and their times from the start of the file, in its units."""
        yield from deinterlaced(self._coded())

    def _coded(self) -> Iterator[tuple[VideoFrame, int | None]]:
        """Frames as they are coded. Raises `VideoError` where the file is damaged."""
        position, waiting = 0.0, list[int]()
        try:
            for packet in self._shifted():
                # Before decoding: decoders without delay give the frame of this very packet.
                if packet is not None and self._reordered and packet.size and packet.dts is not None:
                    heappush(waiting, packet.dts)
                for frame in self._media.decoder.decode(packet):
                    units = frame.pts
                    if self._reordered and waiting:
                        units = heappop(waiting)
                    if units is not None:
                        position = float(units * self._base)
                    yield frame, units
        except video_library().FFmpegError as error:
            raise VideoError(
                f"{self._source.name} is damaged after {position:.1f} s "
                f"({error.strerror or 'no reason given'}). Trim it to the part before, "
                f"with an end of {position:.1f} s."
            ) from error

    def _shifted(self) -> Iterator[Packet[VideoStream] | None]:
        """Packets with times after the start of the file, then None, which flushes the decoder."""
        stream = self._media.stream
        times = self.times.of(stream)
        for number, packet in enumerate(self._media.container.demux(stream)):
            if packet.dts is None and packet.pts is None and not packet.size:
                break
            shift = round(times.shift(number) / self._base)
            if packet.pts is not None:
                packet.pts += shift
            if packet.dts is not None:
                packet.dts += shift
            if packet.size:
                yield packet
        yield None

    def close(self) -> None:
        """Close the file."""
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
