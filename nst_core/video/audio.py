"""Audio tracks of a source: copied where the output container holds them, else encoded again."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from imaging.media_times import MediaTimes
from nst_core.video.container import open_media, video_library
from params.video import VideoFormat

#: Codecs that players expect in each container; Matroska takes what its muxer supports.
_COPIED: dict[VideoFormat, frozenset[str] | None] = {
    "mp4": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"}),
    "mov": frozenset({"aac", "mp3", "ac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le"}),
    "mkv": None,
    "webm": frozenset({"opus", "vorbis"}),
}
_ENCODERS: dict[VideoFormat, str] = {"mp4": "aac", "mov": "aac", "mkv": "aac", "webm": "libopus"}
_RATE = 48_000
#: Layouts that the encoders take, by number of channels; others become stereo.
_LAYOUTS: dict[str, dict[int, str]] = {
    "aac": {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1(wide)"},
    "libopus": {
        1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1",
    },
}  # fmt: skip


class AudioTrack:
    """One audio stream of `source`, from `start_s` to `end_s`, for a file of `format`.

    `encoded` asks for encoding even if the codec could be copied.
    """

    def __init__(
        self,
        source: Path,
        index: int,
        format: VideoFormat,
        times: MediaTimes,
        start_s: float,
        end_s: float | None,
        *,
        encoded: bool = False,
    ) -> None:
        self._source, self._index, self._format = source, index, format
        self._times, self._start_s, self._end_s = times, start_s, end_s
        container, file = open_media(source)
        try:
            self.codec = container.streams.audio[index].codec_context.name
        finally:
            container.close()
            file.close()
        allowed = _COPIED[format]
        self.copied = not encoded and (allowed is None or self.codec in allowed)

    @property
    def outcome(self) -> str:
        """What was done with the track, for users."""
        if self.copied:
            return f"copied ({self.codec})"
        return f"encoded again ({self.codec} to {_ENCODERS[self._format]})"

    def open(self, output: Any) -> None:
        """Add the track's stream to `output`, before anything is written there."""
        self._container, self._file = open_media(self._source)
        self._stream: Any = self._container.streams.audio[self._index]
        if self.copied and self._format == "mkv" and self.codec not in output.supported_codecs:
            self.copied = False
        if self.copied:
            try:
                self._out = output.add_stream_from_template(self._stream)
            except (video_library().FFmpegError, ValueError):  # a muxer without this codec
                self.copied = False
        if not self.copied:
            codec = _ENCODERS[self._format]
            layout = _LAYOUTS[codec].get(self._stream.codec_context.channels, "stereo")
            self._out = output.add_stream(codec, rate=_RATE, layout=layout)
        for name in ("language", "title"):
            if name in self._stream.metadata:
                self._out.metadata[name] = self._stream.metadata[name]
        self._out.disposition = self._stream.disposition

    def close(self) -> None:
        """Close the source."""
        self._container.close()
        self._file.close()

    def packets(self) -> Iterator[tuple[float, Any]]:
        """Packets with their times in seconds of the result, rising."""
        yield from self._copies() if self.copied else self._encoded()

    def _trimmed(self) -> Iterator[Any]:
        """Packets of the trimmed part, their times counted from its start."""
        av = video_library()
        times = self._times.of(self._stream)
        if self._start_s > 1 and len(times.parts) == 1:
            target = Fraction(self._start_s - 1) - times.shift(0)
            self._container.seek(round(target * 1_000_000))
        number = 0
        try:
            for packet in self._container.demux(self._stream):
                if packet.pts is None or packet.time_base is None:
                    number += bool(packet.size)
                    continue
                shift = times.shift(number) - Fraction(self._start_s)
                number += 1
                packet.pts += round(shift / packet.time_base)
                packet.dts = packet.pts
                begin = float(packet.pts * packet.time_base)
                end = begin + float((packet.duration or 0) * packet.time_base)
                # Packets before the very start prime the decoder, and players skip them.
                if end <= 0 and (self._start_s > 0 or begin < -0.5):
                    continue
                if self._end_s is not None and begin >= self._end_s - self._start_s:
                    return
                yield packet
        except av.FFmpegError:
            return  # the video decoder reports where the file is damaged

    def _copies(self) -> Iterator[tuple[float, Any]]:
        last, end = None, None
        for packet in self._trimmed():
            duration = packet.duration or 0
            # The parts of a joined file may overlap: what was heard already is left out.
            if packet.is_corrupt or (end is not None and packet.pts < end - duration // 2 - 1):
                continue
            if last is not None and packet.pts <= last:  # muxers want rising times
                packet.pts = packet.dts = last + 1
            last, end = packet.pts, max(packet.pts + duration, end or 0)
            packet.stream = self._out
            yield float(packet.pts * packet.time_base), packet

    def _encoded(self) -> Iterator[tuple[float, Any]]:
        resampler, shape, behind = None, None, Fraction(0)
        for frame in self._without_overlaps(self._decoded()):
            # A track may change its channels or its rate in the middle.
            now = (frame.format.name, frame.layout.name, frame.sample_rate)
            if resampler is None or now != shape:
                if resampler is not None:
                    for ready in resampler.resample(None):
                        behind = self._place(ready, behind)
                        yield from self._timed(self._out.encode(ready))
                resampler, shape = self._resampler(), now
            for ready in resampler.resample(frame):
                behind = self._place(ready, behind)
                yield from self._timed(self._out.encode(ready))
        if resampler is not None:
            for ready in resampler.resample(None):
                behind = self._place(ready, behind)
                yield from self._timed(self._out.encode(ready))
        yield from self._timed(self._out.encode(None))

    def _without_overlaps(self, frames: Iterator[Any]) -> Iterator[Any]:
        """Leave out frames of a joined file that were heard already."""
        end: Fraction | None = None
        for frame in frames:
            length = Fraction(frame.samples, frame.sample_rate)
            if frame.pts is not None and frame.time_base is not None:
                start = frame.pts * frame.time_base
                if end is not None and start < end - length / 2:
                    continue
                end = start + length
            yield frame

    def _place(self, frame: Any, end: Fraction) -> Fraction:
        """Move a frame behind the `end` of the one before if they overlap.

        Returns its own end, seconds.
        """
        base = frame.time_base
        if base is not None and frame.pts is not None:
            frame.pts = max(frame.pts, round(end / base))
            end = frame.pts * base
        return end + Fraction(frame.samples, frame.sample_rate)

    def _resampler(self) -> Any:
        context = self._out.codec_context
        return video_library().AudioResampler(
            format=context.format or "fltp",
            layout=context.layout or "stereo",
            rate=context.sample_rate,
            frame_size=context.frame_size or None,
        )

    def _decoded(self) -> Iterator[Any]:
        av = video_library()
        decoder = self._stream.codec_context
        for packet in self._trimmed():
            try:
                yield from decoder.decode(packet)
            except av.FFmpegError:
                continue
        try:
            yield from decoder.decode(None)
        except av.FFmpegError:
            return

    def _timed(self, packets: list[Any]) -> Iterator[tuple[float, Any]]:
        for packet in packets:
            base = packet.time_base or Fraction(1, _RATE)
            yield float((packet.pts or 0) * base), packet


def audio_tracks(
    source: Path,
    format: VideoFormat,
    times: MediaTimes,
    start_s: float,
    end_s: float | None,
    *,
    encoded: bool = False,
) -> list[AudioTrack]:
    """All audio streams of `source` that can be decoded or copied; see `AudioTrack`."""
    container, file = open_media(source)
    known = [stream.codec_context is not None for stream in container.streams.audio]
    container.close()
    file.close()
    usable = [index for index, decodable in enumerate(known) if decodable]
    return [
        AudioTrack(source, index, format, times, start_s, end_s, encoded=encoded) for index in usable
    ]
