"""Joining of segments and the source's audio into one file; only GIF encodes the frames again."""

from __future__ import annotations

import heapq
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from imaging.media_times import MediaTimes
from nst_core.video.audio import AudioTrack, audio_tracks
from nst_core.video.config import VideoError
from nst_core.video.container import video_library
from params.video import VideoFormat

_MUXERS: dict[VideoFormat, str] = {"mp4": "mp4", "mov": "mov", "mkv": "matroska", "webm": "webm"}
#: A fixed time of the entries of a zip file, so that the same frames give the same bytes.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
#: Number of frames, at even intervals, from which the palette of a GIF is made.
_PALETTE_FRAMES = 60
#: GIF's unit of time in seconds, and the smallest delay that players respect, in units.
_GIF_UNIT, _GIF_MIN_DELAY = Fraction(1, 100), 2

#: Called often; raises to stop the work.
CheckStop = Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class JoinJob:
    """Segments (at least one), the target, and the part of the source that they show.

    `last_s` is the duration of the last frame. `loops` is how often an animation is played, 0 is
    without end. `transparent` says that the segments have alpha.
    """

    segments: Sequence[Path]
    target: Path
    format: VideoFormat
    source: Path
    times: MediaTimes
    start_s: float
    end_s: float | None
    rate: Fraction
    last_s: Fraction
    loops: int = 0
    transparent: bool = False


def join(job: JoinJob, check: CheckStop) -> str:
    """Write the target, whole or not at all; returns what was done with the audio, for users.

    Raises `VideoError` if the file can't be written.
    """
    job.target.parent.mkdir(parents=True, exist_ok=True)
    suffix = job.target.suffix or ".frames"
    with tempfile.TemporaryDirectory(dir=_scratch(job.target), prefix=".atelier-") as folder:
        made = Path(folder) / f"result{_plain(suffix)}"
        if job.format == "png":
            audio = _frames(job, made, check)
        elif job.format == "gif":
            audio = _gif(job, made, check)
        else:
            audio = _video(job, made, check)
        if made.is_dir() and job.target.is_dir():
            job.target.rmdir()  # empty, which was checked before
        shutil.move(made, job.target)
    return audio


def _scratch(target: Path) -> Path | None:
    """The absolute folder of the target; None, the system's own, if its name is not UTF-8.

    FFmpeg takes a relative "a:b" for a protocol, and knows no names but UTF-8.
    """
    folder = target.parent.absolute()
    return folder if _plain(str(folder)) == str(folder) else None


def _plain(name: str) -> str:
    return name.encode("utf-8", "replace").decode()


def check_target(target: Path, format: VideoFormat, source: Path) -> None:
    """Raise `VideoError` if `target` is `source`, or a folder, but for an empty one for frames."""
    if target.exists() and source.exists() and target.samefile(source):
        raise VideoError(f"{target} is the source itself. Name another file.")
    if target.is_dir() and (format != "png" or target.suffix or any(target.iterdir())):
        raise VideoError(f"{target} is a folder that is there already. Name a file, or a new folder.")


def packets(segments: Sequence[Path]) -> Iterator[Any]:
    """All video packets of the segments, in order."""
    for segment in segments:
        with _opened(segment) as container:
            for packet in container.demux(container.streams.video[0]):
                if packet.pts is None:
                    continue  # the end
                packet.dts = packet.pts  # there are no B-frames, but the demuxer only guesses that
                yield packet


@contextmanager
def _opened(segment: Path) -> Iterator[Any]:
    with segment.open("rb") as file, video_library().open(file) as container:
        yield container


def _video(job: JoinJob, path: Path, check: CheckStop) -> str:
    """Copy the audio; if the muxer refuses a packet of it, encode all audio again."""
    try:
        return _muxed(job, path, check, encoded=False)
    except _RefusedError:
        return _muxed(job, path, check, encoded=True)


class _RefusedError(Exception):
    """A muxer refused a packet of copied audio."""


def _muxed(job: JoinJob, path: Path, check: CheckStop, *, encoded: bool) -> str:
    av = video_library()
    # "bitexact" leaves out the random identifiers of Matroska.
    options = {"fflags": "+bitexact"}
    if job.format in ("mp4", "mov"):
        options["movflags"] = "+faststart"
    tracks = audio_tracks(job.source, job.format, job.times, job.start_s, job.end_s, encoded=encoded)
    try:
        with (
            _opened(job.segments[0]) as first,
            av.open(str(path), "w", format=_MUXERS[job.format], options=options) as output,
            ExitStack() as opened,
        ):
            template = first.streams.video[0]
            stream = output.add_stream_from_template(template)
            stream.time_base = template.time_base
            if job.transparent:
                stream.metadata["alpha_mode"] = "1"
            for track in tracks:
                track.open(output)
                opened.callback(track.close)
            # Sorted here, so that the muxer never has to hold back one stream while it waits for
            # another.
            sources = [_timed(job, stream), *(track.packets() for track in tracks)]
            copied = [False, *(track.copied for track in tracks)]
            numbered = (_numbered(number, source) for number, source in enumerate(sources))
            for _, number, packet in heapq.merge(*numbered, key=lambda entry: entry[0]):
                check()
                try:
                    output.mux(packet)
                except av.FFmpegError as error:
                    if copied[number]:
                        raise _RefusedError from error
                    raise
    except av.FFmpegError as error:
        # Not the error's own text: that names files of this machine.
        raise VideoError(
            f"The {job.format} file can't be written: {error.strerror or 'no reason given'}."
        ) from error
    return _described(tracks)


def _numbered(number: int, packets: Iterator[tuple[float, Any]]) -> Iterator[tuple[float, int, Any]]:
    for time, packet in packets:
        yield time, number, packet


def _timed(job: JoinJob, stream: Any) -> Iterator[tuple[float, Any]]:
    """Packets with their times in seconds; each lasts until the next, and the last `job.last_s`."""
    before = None
    for packet in packets(job.segments):
        if before is not None:
            before.duration = packet.pts - before.pts
            yield _sent(before, stream)
        before = packet
    if before is not None:
        before.duration = max(1, round(job.last_s / before.time_base))
        yield _sent(before, stream)


def _sent(packet: Any, stream: Any) -> tuple[float, Any]:
    time = float(packet.dts * packet.time_base)
    packet.stream = stream
    return time, packet


def _described(tracks: Sequence[AudioTrack]) -> str:
    return ", ".join(track.outcome for track in tracks) or "none"


def _frames(job: JoinJob, path: Path, check: CheckStop) -> str:
    """PNG frames: each packet is a PNG file already."""
    numbered = enumerate(packets(job.segments), start=1)
    if job.target.suffix:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for number, packet in numbered:
                check()
                name = zipfile.ZipInfo(f"frame_{number:06}.png", _ZIP_TIME)
                archive.writestr(name, bytes(packet))
    else:
        path.mkdir()
        for number, packet in numbered:
            check()
            (path / f"frame_{number:06}.png").write_bytes(bytes(packet))
    return "left out: frames have none"


def _gif(job: JoinJob, path: Path, check: CheckStop) -> str:
    """Encode a GIF with one palette for all frames, so that colours do not flicker."""
    av = video_library()
    palette = _palette(av, job, check)
    with _opened(job.segments[0]) as first:
        template = first.streams.video[0]
        width, height, time_base = template.width, template.height, template.time_base
        pixel_format = template.codec_context.pix_fmt
    graph = av.filter.Graph()
    frames = graph.add_buffer(
        width=width, height=height, format=pixel_format, time_base=time_base, name="frames"
    )
    colors = graph.add_buffer(width=16, height=16, format=palette.format.name, time_base=time_base)
    use = graph.add("paletteuse", "dither=bayer:bayer_scale=4:diff_mode=rectangle")
    sink = graph.add("buffersink")
    frames.link_to(use, 0, 0)
    colors.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure(auto_buffer=False)
    palette.pts, palette.time_base = 0, time_base
    colors.push(palette)
    colors.push(None)
    loop = {0: "0", 1: "-1"}.get(job.loops, str(job.loops - 1))
    # Differences between frames would be transparent pixels too.
    flags = {"gifflags": "-transdiff"} if job.transparent else {}
    with path.open("wb") as file, av.open(file, "w", format="gif", options={"loop": loop}) as output:
        stream = output.add_stream("gif", rate=job.rate, options=flags)
        stream.width, stream.height, stream.pix_fmt = width, height, "pal8"
        stream.codec_context.time_base = _GIF_UNIT
        waiting: list[Any] = []

        def send(packets: Iterable[Any]) -> None:
            """Mux all packets but the last one, whose duration is not the encoder's."""
            for packet in packets:
                output.mux(waiting)
                waiting[:] = [packet]

        last = -_GIF_MIN_DELAY

        def drain() -> None:
            nonlocal last
            while True:
                try:
                    frame = sink.pull()
                except (av.error.BlockingIOError, av.error.EOFError):
                    return
                units = round(frame.pts * frame.time_base / _GIF_UNIT)
                last = max(units, last + _GIF_MIN_DELAY)
                frame.time_base, frame.pts = _GIF_UNIT, last
                send(stream.encode(frame))

        for frame in _decoded(job.segments):
            check()
            frames.push(frame)
            drain()
        frames.push(None)
        drain()
        send(stream.encode(None))
        for packet in waiting:
            # Browsers show a shorter delay for 100 ms.
            packet.duration = max(_GIF_MIN_DELAY, round(job.last_s / packet.time_base))
        output.mux(waiting)
    return "left out: GIF has none"


def _palette(av: Any, job: JoinJob, check: CheckStop) -> Any:
    with _opened(job.segments[0]) as first:
        template = first.streams.video[0]
        graph = av.filter.Graph()
        graph.link_nodes(
            graph.add_buffer(template=template),
            graph.add("palettegen", f"reserve_transparent={int(job.transparent)}:stats_mode=full"),
            graph.add("buffersink"),
        ).configure()
    step = max(1, sum(1 for _ in packets(job.segments)) // _PALETTE_FRAMES)
    for number, frame in enumerate(_decoded(job.segments)):
        check()
        if number % step == 0:
            graph.vpush(frame)
    graph.vpush(None)
    return graph.vpull()


def _decoded(segments: Sequence[Path]) -> Iterator[Any]:
    for segment in segments:
        with _opened(segment) as container:
            yield from container.decode(video=0)


def size_of(target: Path) -> int:
    """Size in bytes of a file, or of all files in a folder."""
    if target.is_dir():
        return sum(path.stat().st_size for path in target.iterdir())
    return target.stat().st_size
