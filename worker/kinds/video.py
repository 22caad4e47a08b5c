"""Jobs of the kind `video`: rendered in segments, so that a stopped run resumes after the last one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.blobs.reader import fetch_blob
from jobs.db.models.jobs import Job
from jobs.media.pictures import SUFFIXES, PictureInfo
from jobs.params.kinds import parse_params
from jobs.params.video import VideoParams
from params.video import VideoSettings
from worker.job_folder import job_folder
from worker.kinds.inputs import StylizeInputs
from worker.lease import DrainedError
from worker.progress import ProgressReporter
from worker.result import JobResult, OutputFile

if TYPE_CHECKING:
    from nst_core.images.picture import Picture
    from nst_core.video.config import VideoConfig
    from nst_core.video.painter import FramePainter
    from worker.context import WorkerContext
    from worker.lease import Lease

#: Least time between two stored previews, in seconds.
_PREVIEW_SECONDS = 5.0
_MEDIA_TYPES = {
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "mkv": "video/x-matroska",
    "webm": "video/webm",
    "gif": "image/gif",
    "png": "application/zip",
}


def video(context: WorkerContext, job: Job, lease: Lease) -> JobResult:
    """Render a video. Finished segments stay on this machine until the job ends."""
    from nst_core.video.config import VideoStopped
    from nst_core.video.stylizer import VideoRender

    params: VideoParams = parse_params("video", job.params)
    folder = job_folder(context, "videos", job.id)
    lease.report("decode", 0, 1)
    inputs = StylizeInputs(context, job, params)
    source = _source(context, job, folder)
    target = folder / f"stylized.{SUFFIXES[_MEDIA_TYPES[params.format]]}"
    config = _config(context, params)
    network = inputs.network()
    painter = _painter(context, network, inputs, source, config)
    steps = _Steps(ProgressReporter(context, lease))
    notices: list[str] = []
    try:
        report = VideoRender(painter, source, target, folder / "segments", config).finish(
            on_progress=steps.progress,
            on_preview=steps.preview,
            on_notice=notices.append,
            should_stop=steps.should_stop,
            keep_segments=True,
        )
    except VideoStopped:
        raise steps.reason or DrainedError from None
    info = PictureInfo(media_type=_MEDIA_TYPES[params.format], width=report.width, height=report.height)
    return JobResult(
        outputs=[OutputFile(role="video", data=target, info=info)],
        folder=folder,
        network_version=context.engines.version(network),
        metrics={
            "video": report.as_dict(),
            "network": params.network,
            **({"notices": notices} if notices else {}),
        },
    )


def _source(context: WorkerContext, job: Job, folder: Path) -> Path:
    file = next(file for file in job.inputs if file.role == "content")
    path = folder / f"source.{SUFFIXES[file.blob.media_type]}"
    fetch_blob(context.storage, file.sha256, file.blob.size, path)
    return path


def _config(context: WorkerContext, params: VideoParams) -> VideoConfig:
    from nst_core.video.config import VideoConfig, VideoLimits

    seconds = context.settings.max_video_seconds
    return VideoConfig(
        **params.model_dump(include=set(VideoSettings.model_fields)),
        # The length in a file's header may be wrong, so the number of frames is limited too.
        limits=VideoLimits(
            seconds=seconds,
            frames=round(seconds * 120),
            megabytes=context.settings.max_video_output_mb,
        ),
    )


def _painter(
    context: WorkerContext, network: str, inputs: StylizeInputs, source: Path, config: VideoConfig
) -> FramePainter:
    from nst_core.video.painter import FramePainter
    from nst_core.video.stylizer import mosaic

    engine = context.engines.get(network)
    if engine.fixed_style:
        return FramePainter(engine, None, config)
    sample = mosaic(source, config) if config.color == "match" else None
    return FramePainter(engine, inputs.style(engine, sample), config)


class _Steps:
    """Callbacks of `VideoRender`, called from its threads. `reason` says why the render must stop."""

    def __init__(self, reporter: ProgressReporter) -> None:
        self._reporter = reporter
        # The first preview is stored at once: it shows whether the style was a good choice.
        self._previewed = -_PREVIEW_SECONDS
        self._step = 0
        self.reason: Exception | None = None

    def should_stop(self) -> bool:
        if self.reason is None:
            try:
                self._reporter.check_lease()
            except Exception as error:  # raised again in the job's own thread
                self.reason = error
        return self.reason is not None

    def progress(self, stage: str, step: int, total: int, fps: float, eta_s: float) -> None:
        self._step = step
        pace = {"frames_per_second": round(fps, 2), "eta_s": round(eta_s, 1)}
        self._reporter.report({"stage": stage, "step": step, "total": total, **pace})

    def preview(self, picture: Picture) -> None:
        if time.monotonic() - self._previewed >= _PREVIEW_SECONDS:
            self._previewed = time.monotonic()
            self._reporter.store_preview(picture, self._step, only=True)
