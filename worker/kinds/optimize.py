"""Jobs of the kind `optimize`: optimisation of the pixels of one picture (Gatys et al., CVPR 2016)."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from jobs.db.models.jobs import Job
from jobs.media.pictures import PictureInfo
from jobs.params.kinds import parse_params
from jobs.params.optimize import OptimizeParams
from worker.progress import ProgressReporter
from worker.result import JobResult, OutputFile

if TYPE_CHECKING:
    from nst_core.images.picture import PictureFormat
    from worker.context import WorkerContext
    from worker.lease import Lease


@dataclass
class _Latest:
    step: int = 0
    losses: dict[str, float] = field(default_factory=dict)


def optimize(context: WorkerContext, job: Job, lease: Lease) -> JobResult:
    """Optimise the pixels of the content; previews are stored as samples of the job."""
    from nst_core.images.picture import encode_picture, read_picture
    from nst_core.optimize.gatys import optimize as run_gatys
    from params.optimize import GatysConfig, GatysSettings

    params: OptimizeParams = parse_params("optimize", job.params)
    started = time.perf_counter()
    lease.report("decode", 0, 1)
    pictures = {
        file.role: read_picture(
            context.storage.get(file.sha256), max_pixels=context.settings.max_pixels
        )
        for file in job.inputs
    }
    reporter, latest = ProgressReporter(context, lease), _Latest()

    def on_progress(stage: str, step: int, total: int, losses: dict[str, float]) -> None:
        latest.step, latest.losses = step, losses
        reporter.report({"stage": stage, "step": step, "total": total, "losses": losses}, losses)

    config = GatysConfig(**params.model_dump(include=set(GatysSettings.model_fields)))
    picture = run_gatys(
        pictures["content"],
        pictures["style"],
        config,
        on_progress=on_progress,
        on_preview=lambda preview: reporter.store_preview(preview, latest.step),
        should_stop=reporter.check_lease,
        device=context.settings.device,
    )
    format_ = pictures["content"].format.lower() if params.format == "auto" else params.format
    data = encode_picture(picture, cast("PictureFormat", format_), params.quality)
    info = PictureInfo(media_type=f"image/{format_}", width=picture.width, height=picture.height)
    return JobResult(
        outputs=[OutputFile(role="image", data=data, info=info)],
        metrics={"render_s": round(time.perf_counter() - started, 4), "losses": latest.losses},
    )
