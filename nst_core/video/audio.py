"""The sound of a source, copied where the new file may hold it as it is, else encoded again."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from nst_core.video.config import VideoFormat
from nst_core.video.container import open_media, video_library

#: What players expect in each container; Matroska takes anything.
_KEPT: dict[VideoFormat, frozenset[str] | None] = {
    "mp4": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"}),
    "mov": frozenset({"aac", "mp3", "ac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le"}),
    "mkv": None,
    "webm": frozenset({"opus", "vorbis"}),
}
_ENCODERS: dict[VideoFormat, tuple[str, int]] = {
    "mp4": ("aac", 48_000), "mov": ("aac", 48_000), "mkv": ("aac", 48_000), "webm": ("libopus", 48_000),
}  # fmt: skip


class AudioTrack:
    """One audio stream of `source`, from `start_s` to `end_s`, on its way into `format`."""

    def __init__(
        self, source: Path, index: int, format: VideoFormat, start_s: float, end_s: float | None
    ) -> None:
        self._source, self._index, self._format = source, index, format
        self._start_s, self._end_s = start_s, end_s
        container, file = open_media(source)
        try:
            stream = container.streams.audio[index]
            self.codec = stream.codec_context.name
            kept = _KEPT[format]
            self.copied = kept is None or self.codec in kept
            self._origin_s = (container.start_time or 0) / 1_000_000 + start_s
        finally:
            container.close()
            file.close()

    @property
    def outcome(self) -> str:
        """What becomes of it, for people."""
        if self.copied:
            return f"copied ({self.codec})"
        return f"encoded again ({self.codec} to {_ENCODERS[self._format][0]})"

    def open(self, output: Any) -> None:
        """Add its stream to `output`, before anything is written there."""
        self._container, self._file = open_media(self._source)
        self._stream: Any = self._container.streams.audio[self._index]
        if self.copied:
            self._out = output.add_stream_from_template(self._stream)
        else:
            codec, rate = _ENCODERS[self._format]
            self._out = output.add_stream(codec, rate=rate)

    def packets(self) -> Iterator[tuple[float, Any]]:
        """Packets with their times in seconds of the result."""
        try:
            yield from self._copies() if self.copied else self._encoded()
        finally:
            self._container.close()
            self._file.close()

    def _within(self) -> Iterator[Any]:
        """The source's packets in the trimmed part."""
        av = video_library()
        if self._start_s > 1:
            self._container.seek(round((self._origin_s - 1) * 1_000_000))
        try:
            for packet in self._container.demux(self._stream):
                if packet.pts is None or packet.time_base is None:
                    continue
                begin = float(packet.pts * packet.time_base) - self._origin_s
                end = begin + float((packet.duration or 0) * packet.time_base)
                # What comes before the very start primes the decoder, and players skip it.
                if end <= 0 and (self._start_s > 0 or begin < -0.5):
                    continue
                if self._end_s is not None and begin >= self._end_s - self._start_s:
                    return
                yield packet
        except av.FFmpegError:
            return  # the picture tells where the file is damaged

    def _copies(self) -> Iterator[tuple[float, Any]]:
        for packet in self._within():
            shift = round(self._origin_s / packet.time_base)
            packet.pts -= shift
            packet.dts = packet.pts
            packet.stream = self._out
            yield float(packet.pts * packet.time_base), packet

    def _encoded(self) -> Iterator[tuple[float, Any]]:
        av = video_library()
        context = self._out.codec_context
        resampler = av.AudioResampler(
            format=context.format or "fltp",
            layout=context.layout or "stereo",
            rate=context.sample_rate,
            frame_size=context.frame_size or None,
        )
        for frame in self._decoded():
            for ready in resampler.resample(frame):
                yield from self._timed(self._out.encode(ready))
        yield from self._timed(self._out.encode(None))

    def _decoded(self) -> Iterator[Any]:
        av = video_library()
        origin: int | None = None
        for packet in self._within():
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            for frame in frames:
                if frame.pts is not None and frame.time_base is not None:
                    origin = round(self._origin_s / frame.time_base)
                    frame.pts -= origin
                yield frame
        yield None

    def _timed(self, packets: list[Any]) -> Iterator[tuple[float, Any]]:
        for packet in packets:
            base = packet.time_base or Fraction(1, 48_000)
            yield float((packet.pts or 0) * base), packet


def audio_tracks(
    source: Path, format: VideoFormat, start_s: float, end_s: float | None
) -> list[AudioTrack]:
    """All audio streams of `source` that can be decoded or copied."""
    container, file = open_media(source)
    known = [stream.codec_context is not None for stream in container.streams.audio]
    container.close()
    file.close()
    usable = [index for index, decodable in enumerate(known) if decodable]
    return [AudioTrack(source, index, format, start_s, end_s) for index in usable]
