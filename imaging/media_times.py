"""Times of the packets of a media file: where it starts, how long it lasts, and where its clock jumps.

Needs PyAV (`container` is one of its input containers). Reads all packets and decodes nothing.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

#: Transport and program streams may be joined from parts, each with a clock of its own.
_JOINED_FORMATS = ("mpegts", "mpeg")
#: AVI stores packets without presentation times; FFmpeg's guesses are wrong where frames are reordered.
NO_PRESENTATION_TIMES = ("avi",)
#: A longer step of the clock of such a file is a jump, unless another stream goes on meanwhile.
_MAX_STEP_S = 10.0
#: Elsewhere the clock may step back a little, by careless writers.
_MAX_STEP_BACK_S = 0.5
#: Streams belong to one part of a joined file if they start within so many seconds of each other.
_SAME_PART_S = 2.0


@dataclass
class _Part:
    """Packets of one stream between two jumps of its clock; times in units of the stream."""

    first_packet: int
    start: int
    end: int
    shift: Fraction = Fraction(0)
    #: The step into this part is forward, so that it may be a gap rather than a jump.
    forward: bool = False


@dataclass
class StreamTimes:
    """Times of one stream. `frames` are the seconds at which its packets are presented, unsorted."""

    base: Fraction
    parts: list[_Part] = field(default_factory=list)
    frames: array[float] = field(default_factory=lambda: array("d"))
    last_duration_s: float = 0.0

    def shift(self, packet: int) -> Fraction:
        """Seconds to add to the times of packet number `packet` of the stream, in file order."""
        place = bisect_right([part.first_packet for part in self.parts], packet) - 1
        return self.parts[max(0, place)].shift

    @property
    def end_s(self) -> float:
        """End of the last packet, in seconds after the start of the file."""
        return max((float(part.end * self.base + part.shift) for part in self.parts), default=0.0)


@dataclass
class MediaTimes:
    """Times of a file, in seconds after its start.

    `streams` by index; `jumps_s` of the video's clock.
    """

    origin_s: Fraction
    streams: dict[int, StreamTimes]
    #: End of the last packet by the file's own clock, which may start anywhere.
    raw_end_s: float

    def of(self, stream: Any) -> StreamTimes:
        """Times of a stream of the container; empty if it has no packets."""
        return self.streams.get(stream.index) or StreamTimes(Fraction(1, 1000))

    @property
    def end_s(self) -> float:
        """End of the longest stream."""
        return max((each.end_s for each in self.streams.values()), default=0.0)

    def jumps_s(self, stream: Any) -> list[float]:
        """Seconds at which the clock of a stream jumps in the file."""
        times = self.of(stream)
        return [float(part.start * times.base + part.shift) for part in times.parts[1:]]


def measure_times(container: Any, video: Any) -> MediaTimes:
    """Read all packets. A damaged end is ignored: the decoder reports the damage.

    The parts of a joined file follow each other without a gap in the stream `video`; the other streams
    keep their distance to it.
    """
    import av

    chosen = [video, *container.streams.audio]
    reading = {stream.index: _Reading(stream, container.format.name) for stream in chosen}
    try:
        for packet in container.demux(chosen):
            reading[packet.stream_index].add(packet)
    except av.FFmpegError:
        pass
    found = {index: each.times for index, each in reading.items() if each.times.parts}
    raw_end = max((float(t.parts[-1].end * t.base) for t in found.values()), default=0.0)
    start = container.start_time
    if start is None:
        starts = [times.parts[0].start * times.base for times in found.values()]
        origin = min(starts, default=Fraction(0))
    else:
        origin = Fraction(start, 1_000_000)
    _drop_gaps(found)
    _shift(found, video.index, origin)
    for index, times in found.items():
        reading[index].fill_frames(times)
    return MediaTimes(origin, found, raw_end)


class _Reading:
    """Collects the packets of one stream."""

    def __init__(self, stream: Any, format_: str) -> None:
        self.times = StreamTimes(Fraction(stream.time_base or Fraction(1, 90_000)))
        self._joined = format_ in _JOINED_FORMATS
        self._no_pts = format_ in NO_PRESENTATION_TIMES
        self._last: int | None = None
        self._count = 0
        rate = getattr(stream, "average_rate", None)
        #: Of packets without a duration.
        self._default = max(1, round(1 / rate / self.times.base)) if rate else 0
        self._starts = array("q")
        self._durations = array("q")

    def add(self, packet: Any) -> None:
        """Note a packet, in file order."""
        pts = packet.dts if packet.pts is None or self._no_pts else packet.pts
        if pts is None:
            self._count += bool(packet.size)
            return
        clock = packet.dts
        if not self.times.parts:
            self.times.parts.append(_Part(0, pts, pts))
        elif clock is not None and self._last is not None:
            step = float((clock - self._last) * self.times.base)
            if self._is_jump(step):
                part = _Part(self._count, pts, pts, forward=step > 0)
                self.times.parts.append(part)
        if clock is not None:
            self._last = clock
        part = self.times.parts[-1]
        duration = packet.duration or self._default
        part.start, part.end = min(part.start, pts), max(part.end, pts + duration)
        self._starts.append(pts)
        self._durations.append(duration)
        self._count += 1

    def _is_jump(self, step: float) -> bool:
        if self._joined:
            return step < 0 or step > _MAX_STEP_S
        return step < -_MAX_STEP_BACK_S

    def fill_frames(self, times: StreamTimes) -> None:
        """Times of all packets, once the shifts of the parts are known."""
        base = float(times.base)
        shifts = [float(part.shift) for part in times.parts]
        firsts = [part.first_packet for part in times.parts]
        last = -1e300
        for number, (start, duration) in enumerate(zip(self._starts, self._durations, strict=True)):
            seconds = start * base + shifts[max(0, bisect_right(firsts, number) - 1)]
            times.frames.append(seconds)
            if seconds > last:
                last, times.last_duration_s = seconds, duration * base


def _drop_gaps(streams: dict[int, StreamTimes]) -> None:
    """Join parts again where the clock went forward while another stream went on: a real gap."""
    for index, times in streams.items():
        kept = times.parts[:1]
        for part in times.parts[1:]:
            before, after = float(kept[-1].end * times.base), float(part.start * times.base)
            others = (
                (float(other.start * each.base), float(other.end * each.base))
                for number, each in streams.items()
                if number != index
                for other in each.parts
            )
            if part.forward and any(a < before + 1 and b > after - 1 for a, b in others):
                kept[-1].end = part.end
            else:
                kept.append(part)
        times.parts[:] = kept


def _shift(streams: dict[int, StreamTimes], video: int, origin: Fraction) -> None:
    leader = streams.get(video)
    if leader is not None:
        _follow(leader, origin)
    for times in streams.values():
        if times is leader:
            continue
        _follow(times, origin)
        place = 0
        for number, part in enumerate(times.parts):
            if leader is not None and number:
                matches = _matches(part, times, leader, place)
                if matches is not None:
                    place, part.shift = matches, leader.parts[matches].shift


def _follow(times: StreamTimes, origin: Fraction) -> None:
    """Parts one after the other, the first at its own distance from the origin."""
    end = Fraction(0)
    for number, part in enumerate(times.parts):
        part.shift = -origin if not number else end - part.start * times.base
        end = part.end * times.base + part.shift


def _matches(part: _Part, times: StreamTimes, leader: StreamTimes, after: int) -> int | None:
    """The next part of the leading stream that has the same clock."""
    start = float(part.start * times.base)
    for number in range(after + 1, len(leader.parts)):
        other = leader.parts[number]
        first, last = float(other.start * leader.base), float(other.end * leader.base)
        if first - _SAME_PART_S <= start <= last + _SAME_PART_S:
            return number
    return None


#: Application extensions of GIF that hold a loop count.
_LOOP_EXTENSIONS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


def loop_count(data: bytes) -> int:
    """How often an animated GIF, WebP or APNG is played; 0 is without end, as for any other file."""
    if data[:6] in (b"GIF87a", b"GIF89a"):
        places = (data.find(b"\x21\xff\x0b" + name + b"\x03\x01") for name in _LOOP_EXTENSIONS)
        at = max(places)
        return 1 if at < 0 else _repeats(int.from_bytes(data[at + 16 : at + 18], "little"))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        at = data.find(b"ANIM")
        return 0 if at < 0 else int.from_bytes(data[at + 12 : at + 14], "little")
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        at = data.find(b"acTL")
        return 0 if at < 0 else int.from_bytes(data[at + 8 : at + 12])
    return 0


def _repeats(value: int) -> int:
    """NETSCAPE2.0 counts the repetitions after the first time, and 0 is without end."""
    return value + 1 if value else 0
