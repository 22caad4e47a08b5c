"""Segments and the source's sound become one file; nothing of the picture is encoded again but GIF."""

from __future__ import annotations

import heapq
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from nst_core.video.audio import AudioTrack, audio_tracks
from nst_core.video.config import VideoError, VideoFormat
from nst_core.video.container import video_library

_MUXERS: dict[VideoFormat, str] = {"mp4": "mp4", "mov": "mov", "mkv": "matroska", "webm": "webm"}
#: Zip files tell a time for each entry; this one, so that the same frames give the same bytes.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)

#: About so many frames, evenly over the whole, decide on the palette of a GIF.
_PALETTE_FRAMES = 60

#: Called often; raises to end the work.
Watch = Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class JoinJob:
    """Segments (one at least), where they go, and what they are a part of."""

    segments: Sequence[Path]
    target: Path
    format: VideoFormat
    source: Path
    start_s: float
    end_s: float | None
    rate: Fraction


def join(job: JoinJob, watch: Watch) -> str:
    """Write the target, whole or not at all; returns what became of the sound, for people."""
    job.target.parent.mkdir(parents=True, exist_ok=True)
    suffix = job.target.suffix or ".frames"
    with tempfile.TemporaryDirectory(dir=job.target.parent, prefix=".atelier-") as folder:
        made = Path(folder) / f"result{suffix}"
        if job.format == "png":
            sound = _frames(job, made, watch)
        elif job.format == "gif":
            sound = _gif(job, made, watch)
        else:
            sound = _film(job, made, watch)
        if made.is_dir() and job.target.is_dir():
            job.target.rmdir()  # empty, which was checked before
        made.replace(job.target)
    return sound


def check_target(target: Path, format: VideoFormat, source: Path) -> None:
    """Raise `VideoError` if `target` is `source`, or a folder, but for an empty one for frames."""
    if target.exists() and source.exists() and target.samefile(source):
        raise VideoError(f"{target} is the source itself. Name another file.")
    if target.is_dir() and (format != "png" or target.suffix or any(target.iterdir())):
        raise VideoError(f"{target} is a folder that is there already. Name a file, or a new folder.")


def packets(segments: Sequence[Path]) -> Iterator[Any]:
    """All packets of the picture, in order."""
    av = video_library()
    for segment in segments:
        with av.open(str(segment)) as container:
            for packet in container.demux(container.streams.video[0]):
                if packet.pts is None:
                    continue  # the end
                packet.dts = packet.pts  # there are no B-frames, but the demuxer only guesses that
                yield packet


def _film(job: JoinJob, path: Path, watch: Watch) -> str:
    av = video_library()
    # "bitexact" leaves out what Matroska would invent at random.
    options = {"fflags": "+bitexact"}
    if job.format in ("mp4", "mov"):
        options["movflags"] = "+faststart"
    tracks = audio_tracks(job.source, job.format, job.start_s, job.end_s)
    with (
        av.open(str(job.segments[0])) as first,
        av.open(str(path), "w", format=_MUXERS[job.format], options=options) as output,
    ):
        template = first.streams.video[0]
        stream = output.add_stream_from_template(template)
        stream.time_base = template.time_base
        for track in tracks:
            track.open(output)
        pictures = _timed(job, stream)
        sounds = [track.packets() for track in tracks]
        # Sorted here, so that the muxer never has to hold back one kind while it waits for another.
        for _, packet in heapq.merge(pictures, *sounds, key=lambda timed: timed[0]):
            watch()
            output.mux(packet)
    return _described(tracks)


def _timed(job: JoinJob, stream: Any) -> Iterator[tuple[float, Any]]:
    """Packets with their times; each lasts until the next, and the last as long as the rate says."""
    before = None
    for packet in packets(job.segments):
        if before is not None:
            before.duration = packet.pts - before.pts
            yield _sent(before, stream)
        before = packet
    if before is not None:
        before.duration = max(1, round(1 / job.rate / before.time_base))
        yield _sent(before, stream)


def _sent(packet: Any, stream: Any) -> tuple[float, Any]:
    time = float(packet.dts * packet.time_base)
    packet.stream = stream
    return time, packet


def _described(tracks: Sequence[AudioTrack]) -> str:
    return ", ".join(track.outcome for track in tracks) or "none"


def _frames(job: JoinJob, path: Path, watch: Watch) -> str:
    """Each packet is a PNG file already."""
    numbered = enumerate(packets(job.segments), start=1)
    if job.target.suffix:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for number, packet in numbered:
                watch()
                name = zipfile.ZipInfo(f"frame_{number:06}.png", _ZIP_TIME)
                archive.writestr(name, bytes(packet))
    else:
        path.mkdir()
        for number, packet in numbered:
            watch()
            (path / f"frame_{number:06}.png").write_bytes(bytes(packet))
    return "left out: frames have none"


def _gif(job: JoinJob, path: Path, watch: Watch) -> str:
    """One palette for all frames, found in a first pass, so that colours do not flicker."""
    av = video_library()
    palette = _palette(av, job, watch)
    with av.open(str(job.segments[0])) as first:
        template = first.streams.video[0]
        width, height, time_base = template.width, template.height, template.time_base
    graph = av.filter.Graph()
    frames = graph.add_buffer(
        width=width, height=height, format="rgb24", time_base=time_base, name="frames"
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
    with av.open(str(path), "w", format="gif", options={"loop": "0"}) as output:
        stream = output.add_stream("gif", rate=job.rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "pal8"
        stream.codec_context.time_base = Fraction(1, 100)

        def drain() -> None:
            while True:
                try:
                    frame = sink.pull()
                except (av.error.BlockingIOError, av.error.EOFError):
                    return
                seconds = frame.pts * frame.time_base
                frame.time_base, frame.pts = Fraction(1, 100), round(seconds * 100)
                output.mux(stream.encode(frame))

        for frame in _decoded(av, job.segments):
            watch()
            frames.push(frame)
            drain()
        frames.push(None)
        drain()
        output.mux(stream.encode(None))
    return "left out: GIF has none"


def _palette(av: Any, job: JoinJob, watch: Watch) -> Any:
    with av.open(str(job.segments[0])) as first:
        template = first.streams.video[0]
        graph = av.filter.Graph()
        graph.link_nodes(
            graph.add_buffer(template=template),
            graph.add("palettegen", "reserve_transparent=0:stats_mode=full"),
            graph.add("buffersink"),
        ).configure()
    step = max(1, sum(1 for _ in packets(job.segments)) // _PALETTE_FRAMES)
    for number, frame in enumerate(_decoded(av, job.segments)):
        watch()
        if number % step == 0:
            graph.vpush(frame)
    graph.vpush(None)
    return graph.vpull()


def _decoded(av: Any, segments: Sequence[Path]) -> Iterator[Any]:
    for segment in segments:
        with av.open(str(segment)) as container:
            yield from container.decode(video=0)


def size_of(target: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    if target.is_dir():
        return sum(path.stat().st_size for path in target.iterdir())
    return target.stat().st_size
