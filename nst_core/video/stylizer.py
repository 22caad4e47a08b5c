"""Video style transfer: decode, paint, encode in segments, and join, in bounded memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
from torch import Tensor

from imaging.media_times import loop_count
from nst_core.images.picture import Picture
from nst_core.stylize.engine import Engine
from nst_core.stylize.request import OnNotice
from nst_core.video.config import VideoConfig, VideoError, VideoReport, VideoStopped
from nst_core.video.flow import FlowEstimator
from nst_core.video.mux import JoinJob, check_target, join, size_of
from nst_core.video.painter import FramePainter
from nst_core.video.pipeline import Stages
from nst_core.video.reader import VideoInfo, VideoReader
from nst_core.video.segments import SegmentStore, TemporalState, file_digest
from nst_core.video.temporal import BlendedFrame, TemporalPainter
from nst_core.video.writer import ALPHA_FORMATS, SegmentWriter, encoding_for

#: Highest frame rate of GIF: its unit is 1/100 s, and players slow down delays below two units.
_GIF_MAX_RATE = 50
#: Times of Matroska are rounded by up to this.
_ROUNDING_S = Fraction(2, 1000)
#: Number of leading bytes of an animation that state how often it is played.
_LOOP_BYTES = 4_096
#: Interval of previews in seconds.
_PREVIEW_S = 3.0

#: Arguments: stage ("render", "join"), step, total (0 if unknown), frames per second, seconds left.
OnVideoProgress = Callable[[str, int, int, float, float], None]
OnPreview = Callable[[Picture], None]
ShouldStop = Callable[[], bool]


class VideoStylizer:
    """Renders videos with one `StyleEngine`."""

    def __init__(self, engine: Engine) -> None:
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

        `work_dir` holds finished segments; after a kill, the same call resumes from them and gives the
        same bytes. For `color` "match", measure the style with `match=mosaic(source)`. Raises
        `VideoError`, `StylizeError`, or `VideoStopped` soon after `should_stop` returns True.
        """
        painter = FramePainter(self._engine, style, config, on_notice)
        run = VideoRender(painter, source, target, work_dir, config)
        return run.finish(
            on_progress=on_progress,
            on_preview=on_preview,
            on_notice=on_notice,
            should_stop=should_stop,
        )


class VideoRender:
    """One render of a video with any `FramePainter`; used once."""

    def __init__(
        self, painter: FramePainter, source: Path, target: Path, work_dir: Path, config: VideoConfig
    ) -> None:
        self._painter = painter
        self._temporal = TemporalPainter(painter, config)
        self._source, self._target, self._config = source, target, config
        self._format = config.format_for(target)
        check_target(target, self._format, source)
        self._work_dir = work_dir
        self._rendered, self._encode_s = 0, 0.0

    def finish(
        self,
        *,
        on_progress: OnVideoProgress | None = None,
        on_preview: OnPreview | None = None,
        on_notice: OnNotice | None = None,
        should_stop: ShouldStop | None = None,
        keep_segments: bool = False,
    ) -> VideoReport:
        """Render the missing segments and join all; see `VideoStylizer.stylize`.

        With `keep_segments` the caller deletes the work folder once the result is stored; until then
        another run only joins the segments again.
        """
        self._on_progress = on_progress or _no_progress
        self._on_preview = on_preview
        self._should_stop = should_stop
        began = time.perf_counter()
        with self._reader() as reader:
            store = SegmentStore(self._work_dir, self._job_key())
            resumed = store.state()
            try:
                busy = self._render(reader, store, resumed)
            except LookupError:
                if on_notice is not None:
                    on_notice("The finished segments do not match the source; they are rendered again.")
                store.clear()
                store, resumed = SegmentStore(self._work_dir, self._job_key()), None
                busy = self._render(reader, store, None)
            state = store.state()
            assert state is not None  # noqa: S101 - the reader saw a frame
            render_s = time.perf_counter() - began
            sound = self._join(reader, store, state)
            elapsed = time.perf_counter() - began
            busy.update(encode=self._encode_s, join=elapsed - render_s)
            if not keep_segments:
                store.clear()
            info = reader.info
            seconds = float(state.frame.pts * reader.time_base + self._last_duration(reader, state))
            if on_notice is not None:
                for notice in self._notices(info, seconds):
                    on_notice(notice)
        count = state.frame.index + 1
        return VideoReport(
            frames=count,
            rendered=self._rendered,
            resumed_from=0 if resumed is None else resumed.frame.index + 1,
            width=info.width,
            height=info.height,
            rate=str(info.rate),
            seconds=round(seconds, 3),
            cuts=state.cuts,
            trusted=round(state.trusted / max(1, count - 1), 4),
            elapsed_s=round(elapsed, 3),
            fps=round(self._rendered / elapsed, 3),
            seconds_by_stage={name: round(value, 3) for name, value in busy.items()},
            audio=sound,
            bytes=size_of(self._target),
            runtime=self._painter.runtime,
        )

    def _last_duration(self, reader: VideoReader, state: TemporalState) -> Fraction:
        """Duration of the last frame in seconds: its own, at most until the end of the part."""
        info, frame = reader.info, state.frame
        own = frame.duration * reader.time_base
        if not own or self._format == "gif":  # of GIF, frames may have been left out behind it
            own = max(own, 1 / info.rate)
        rest = Fraction(info.seconds) - frame.pts * reader.time_base
        return rest if 0 < rest < own - _ROUNDING_S else own

    def _notices(self, info: VideoInfo, seconds: float) -> Iterator[str]:
        if info.missing_s:
            whole = seconds + info.missing_s
            yield f"The picture ends after {seconds:.1f} s of {whole:.1f} s. Is the source whole?"
        for jump in info.jumps_s:
            yield f"The clock of the source jumps at {jump:.1f} s; the parts are joined there."
        if info.transparent and self._format not in ALPHA_FORMATS:
            yield f"{self._format} has no transparency; the frames are laid on white."

    def _reader(self) -> VideoReader:
        config = self._config
        return VideoReader(
            self._source,
            limits=config.limits,
            start_s=config.start_s,
            end_s=config.end_s,
            size=config.size,
            max_rate=_GIF_MAX_RATE if self._format == "gif" else None,
        )

    def _job_key(self) -> dict[str, object]:
        """Everything that decides the bytes of the segments."""
        config = self._config.model_dump(mode="json", exclude={"parallel"})
        return {
            "source": file_digest(self._source),
            "painter": self._painter.identity,
            "config": config,
            "format": self._format,
        }

    def _check_stop(self) -> None:
        if self._should_stop is not None and self._should_stop():
            raise VideoStopped("The render was stopped.")

    def _render(
        self, reader: VideoReader, store: SegmentStore, state: TemporalState | None
    ) -> dict[str, float]:
        total = reader.info.frames
        self._began, self._previewed_at = time.perf_counter(), 0.0
        with closing(FlowEstimator()) as flow, Stages() as stages:
            decoded = stages.add("decode", reader.frames(None if state is None else state.frame))
            with_motion = stages.add("flow", self._temporal.with_motion(decoded.items(), flow, state))
            items = self._temporal.painted(with_motion.items(), reader.time_base, state)
            painted = stages.add("network", items)
            blended = stages.add("blend", self._temporal.finished(painted.items(), state))
            ready = blended.items(self._check_stop)
            item = next(ready, None)
            while item is not None:
                with self._writer(reader, store.part) as writer:
                    for _ in range(self._config.segment_frames):
                        self._write(item, writer)
                        state = item.state
                        self._report(state, total)
                        item = next(ready, None)
                        if item is None:
                            break
                assert state is not None  # noqa: S101 - a segment has a frame
                store.finish(state)
                self._check_bytes(store.bytes, state)
            return stages.busy()

    def _check_bytes(self, written: int, state: TemporalState) -> None:
        limit = self._config.limits.megabytes
        if limit is not None and written > limit * 1_000_000:
            raise VideoError(
                f"The first {state.frame.index + 1} frames take {written / 1e6:.0f} MB, more than the "
                f"limit of {limit} MB. Use a smaller size, a shorter part, or another format."
            )

    def _writer(self, reader: VideoReader, path: Path) -> SegmentWriter:
        info = reader.info
        transparent = info.transparent and self._format in ALPHA_FORMATS
        encoding = encoding_for(self._format, self._config.quality, transparent=transparent)
        return SegmentWriter(path, encoding, info.width, info.height, info.rate, reader.time_base)

    def _write(self, item: BlendedFrame, writer: SegmentWriter) -> None:
        frame = item.state.frame
        began = time.perf_counter()
        writer.write(item.pixels, frame.pts, frame.alpha)
        now = time.perf_counter()
        self._encode_s += now - began
        self._rendered += 1
        if self._on_preview is not None and (
            self._rendered == 1 or now - self._previewed_at >= _PREVIEW_S
        ):
            self._previewed_at = now
            self._on_preview(Picture(item.pixels, frame.alpha))

    def _report(self, state: TemporalState, total: int) -> None:
        fps = self._rendered / (time.perf_counter() - self._began)
        done = state.frame.index + 1
        self._on_progress("render", done, max(total, done), fps, max(0, total - done) / fps)

    def _join(self, reader: VideoReader, store: SegmentStore, state: TemporalState) -> str:
        self._on_progress("join", 0, 1, 0.0, 0.0)
        job = JoinJob(
            segments=store.paths,
            target=self._target,
            format=self._format,
            source=self._source,
            start_s=self._config.start_s,
            end_s=self._config.end_s,
            rate=reader.info.rate,
            times=reader.times,
            last_s=self._last_duration(reader, state),
            loops=_loops(self._source),
            transparent=reader.info.transparent and self._format in ALPHA_FORMATS,
        )
        sound = join(job, self._check_stop)
        self._on_progress("join", 1, 1, 0.0, 0.0)
        return sound


def _loops(source: Path) -> int:
    with source.open("rb") as file:
        return loop_count(file.read(_LOOP_BYTES))


def mosaic(source: Path, config: VideoConfig, count: int = 9) -> Picture:
    """Mosaic of frames at even intervals, stacked vertically: a sample of the colours of a video."""
    with VideoReader(
        source, limits=config.limits, start_s=config.start_s, end_s=config.end_s, size=160
    ) as reader:
        step = max(1, reader.info.frames // count)
        chosen = (frame.pixels for frame in reader.frames() if frame.index % step == 0)
        # A bound, because headers may state fewer frames than there are.
        return Picture(np.concatenate(list(islice(chosen, 4 * count))))


def _no_progress(stage: str, step: int, total: int, fps: float, eta_s: float) -> None:
    """Default progress callback: does nothing."""
