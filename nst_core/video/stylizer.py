"""A video in a style: decoded, painted, encoded in segments and joined, in bounded memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
from torch import Tensor

from nst_core.images.picture import Picture
from nst_core.stylize.engine import StyleEngine
from nst_core.stylize.renderer import OnNotice
from nst_core.video.config import VideoConfig, VideoError, VideoReport, VideoStopped
from nst_core.video.flow import FlowEstimator
from nst_core.video.mux import JoinJob, check_target, join, size_of
from nst_core.video.painter import EnginePainter, FramePainter
from nst_core.video.pipeline import Stages
from nst_core.video.reader import VideoReader
from nst_core.video.segments import Carry, SegmentStore, file_digest
from nst_core.video.temporal import PaintedFrame, TemporalPainter
from nst_core.video.writer import SegmentWriter, encoding_for

#: GIF tells times in hundredths of a second, and players slow down below two of them.
_GIF_FASTEST = 50
_PREVIEW_S = 3.0

#: Hears: stage ("render", "join"), step, total (0 if unknown), frames in a second, seconds left.
OnVideoProgress = Callable[[str, int, int, float, float], None]
OnPreview = Callable[[Picture], None]
ShouldStop = Callable[[], bool]


class VideoStylizer:
    """Renders videos with one engine."""

    def __init__(self, engine: StyleEngine) -> None:
        self._engine = engine

    def stylize(
        self,
        source: Path,
        style: Tensor,
        target: Path,
        work_dir: Path,
        config: VideoConfig,
        *,
        on_progress: OnVideoProgress | None = None,
        on_preview: OnPreview | None = None,
        on_notice: OnNotice | None = None,
        should_stop: ShouldStop | None = None,
    ) -> VideoReport:
        """Render `source` in `style` (statistics of the engine, or a `mix`) to `target`.

        `work_dir` holds finished segments until the end; after a kill, the same call goes on from them
        and gives the same bytes. For `color` "match", measure the style with `match=mosaic(source)`.
        Raises `VideoError`, `StylizeError`, or `VideoStopped` soon after `should_stop` says so.
        """
        painter = EnginePainter(self._engine, style, config.color, on_notice)
        run = VideoRun(painter, source, target, work_dir, config)
        return run.finish(
            on_progress=on_progress,
            on_preview=on_preview,
            on_notice=on_notice,
            should_stop=should_stop,
        )


class VideoRun:
    """One video on its way, with any `FramePainter`."""

    def __init__(
        self, painter: FramePainter, source: Path, target: Path, work_dir: Path, config: VideoConfig
    ) -> None:
        self._painter = painter
        self._temporal = TemporalPainter(painter, config)
        self._source, self._target, self._config = source, target, config
        self._format = config.format_for(target)
        check_target(target, self._format, source)
        self._work_dir = work_dir
        self._encoding = encoding_for(self._format, config.quality)
        self._cuts, self._trusted, self._rendered = 0, 0.0, 0
        self._blend_s, self._encode_s = 0.0, 0.0

    def finish(
        self,
        *,
        on_progress: OnVideoProgress | None = None,
        on_preview: OnPreview | None = None,
        on_notice: OnNotice | None = None,
        should_stop: ShouldStop | None = None,
        keep_segments: bool = False,
    ) -> VideoReport:
        """Render what is left and join all; see `VideoStylizer.stylize`.

        With `keep_segments`, whoever calls deletes the work folder once the result is safe; until then
        another run only joins them again.
        """
        self._tell = on_progress or _ignore
        self._show = on_preview
        self._should_stop = should_stop
        began = time.perf_counter()
        with self._reader() as reader:
            store = SegmentStore(self._work_dir, self._job())
            resumed = store.carry()
            try:
                busy = self._render(reader, store, resumed)
            except LookupError:
                if on_notice is not None:
                    on_notice("The finished part does not fit the source; it is rendered again.")
                store.clear()
                store, resumed = SegmentStore(self._work_dir, self._job()), None
                busy = self._render(reader, store, None)
            carry = store.carry()
            assert carry is not None  # noqa: S101 - the reader saw a frame
            render_s = time.perf_counter() - began
            sound = self._join(reader, store)
            elapsed = time.perf_counter() - began
            busy.update(blend=self._blend_s, encode=self._encode_s, join=elapsed - render_s)
            if not keep_segments:
                store.clear()
            info = reader.info
            last_s = float(carry.frame.pts * reader.time_base + 1 / info.rate)
            if on_notice is not None and info.seconds - last_s > max(1.0, 0.05 * info.seconds):
                spans = f"{last_s:.1f} s of {info.seconds:.1f} s"
                on_notice(f"The picture ends after {spans}. Is the source whole?")
        count = carry.frame.index + 1
        return VideoReport(
            frames=count,
            rendered=self._rendered,
            resumed_from=0 if resumed is None else resumed.frame.index + 1,
            width=info.width,
            height=info.height,
            rate=str(info.rate),
            seconds=round(last_s, 3),
            cuts=self._cuts,
            trusted=round(self._trusted / max(1, count - 1), 4),
            elapsed_s=round(elapsed, 3),
            fps=round(self._rendered / elapsed, 3),
            seconds_by_stage={name: round(value, 3) for name, value in busy.items()},
            audio=sound,
            bytes=size_of(self._target),
            runtime=self._painter.runtime,
        )

    def _reader(self) -> VideoReader:
        config = self._config
        return VideoReader(
            self._source,
            limits=config.limits,
            start_s=config.start_s,
            end_s=config.end_s,
            size=config.size,
            fastest=_GIF_FASTEST if self._format == "gif" else None,
        )

    def _job(self) -> dict[str, object]:
        """What the segments depend on."""
        config = self._config.as_dict()
        del config["parallel"]
        return {
            "source": file_digest(self._source),
            "painter": self._painter.identity,
            "config": config,
            "format": self._format,
        }

    def _watch(self) -> None:
        if self._should_stop is not None and self._should_stop():
            raise VideoStopped("The video was stopped.")

    def _render(
        self, reader: VideoReader, store: SegmentStore, carry: Carry | None
    ) -> dict[str, float]:
        total = reader.info.frames
        self._began, self._shown = time.perf_counter(), 0.0
        if carry is not None:
            self._cuts, self._trusted = carry.cuts, carry.trusted
        with closing(FlowEstimator()) as flow, Stages() as stages:
            decoded = stages.add("decode", reader.frames(None if carry is None else carry.frame))
            moved = stages.add("flow", self._temporal.moved(decoded.items(), flow, carry))
            items = self._temporal.painted(moved.items(), reader.time_base, carry)
            painted = stages.add("network", items)
            ready = painted.items(self._watch)
            item = next(ready, None)
            while item is not None:
                with self._writer(reader, store.part) as writer:
                    for _ in range(self._config.segment_frames):
                        carry = self._written(item, carry, writer)
                        self._report(carry, total)
                        item = next(ready, None)
                        if item is None:
                            break
                assert carry is not None  # noqa: S101 - a segment has a frame
                store.finish(carry)
                self._check_bytes(store.bytes, carry)
            return stages.busy()

    def _check_bytes(self, written: int, carry: Carry) -> None:
        most = self._config.limits.megabytes
        if most is not None and written > most * 1_000_000:
            raise VideoError(
                f"The first {carry.frame.index + 1} frames take {written / 1e6:.0f} MB, more than the "
                f"limit of {most} MB. Ask for a smaller size, a shorter part, or another format."
            )

    def _writer(self, reader: VideoReader, path: Path) -> SegmentWriter:
        info = reader.info
        return SegmentWriter(path, self._encoding, info.width, info.height, info.rate, reader.time_base)

    def _written(self, item: PaintedFrame, carry: Carry | None, writer: SegmentWriter) -> Carry:
        began = time.perf_counter()
        output = self._temporal.calmed(item, None if carry is None else carry.output)
        if item.motion is not None:
            self._cuts += item.motion.cut
            self._trusted += float(item.motion.trust.mean())
        pixels = (output + 0.5).astype(np.uint8)
        middle = time.perf_counter()
        writer.write(pixels, item.frame.pts)
        now = time.perf_counter()
        self._blend_s += middle - began
        self._encode_s += now - middle
        self._rendered += 1
        if self._show is not None and (self._rendered == 1 or now - self._shown >= _PREVIEW_S):
            self._shown = now
            self._show(Picture(pixels))
        return Carry(item.frame, output, item.content, self._cuts, self._trusted)

    def _report(self, carry: Carry, total: int) -> None:
        fps = self._rendered / (time.perf_counter() - self._began)
        done = carry.frame.index + 1
        self._tell("render", done, max(total, done), fps, max(0, total - done) / fps)

    def _join(self, reader: VideoReader, store: SegmentStore) -> str:
        self._tell("join", 0, 1, 0.0, 0.0)
        job = JoinJob(
            segments=store.paths,
            target=self._target,
            format=self._format,
            source=self._source,
            start_s=self._config.start_s,
            end_s=self._config.end_s,
            rate=reader.info.rate,
        )
        sound = join(job, self._watch)
        self._tell("join", 1, 1, 0.0, 0.0)
        return sound


def mosaic(source: Path, config: VideoConfig, count: int = 9) -> Picture:
    """Some frames of a video, evenly over its time, one under the other: for its colours."""
    with VideoReader(
        source, limits=config.limits, start_s=config.start_s, end_s=config.end_s, size=160
    ) as reader:
        step = max(1, reader.info.frames // count)
        chosen = (frame.pixels for frame in reader.frames() if frame.index % step == 0)
        # No more than these, whatever the header told.
        return Picture(np.concatenate(list(islice(chosen, 4 * count))))


def _ignore(stage: str, step: int, total: int, fps: float, eta_s: float) -> None:
    """Nobody listens."""
