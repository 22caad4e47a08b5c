"""The `optimize` kind: one picture, pixel by pixel (Gatys et al.)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy.exc import SQLAlchemyError

from jobs import lifecycle, training_record
from jobs.errors import JobsError
from jobs.models import Job
from jobs.pictures import PictureInfo
from jobs.rows import store_blob
from worker.lease import DrainedError
from worker.made import Made, Output

if TYPE_CHECKING:
    from nst_core.images import Picture, PictureFormat
    from worker.context import WorkerContext
    from worker.lease import Lease

#: How often wishes are asked after, and progress is written, in seconds.
_LOOK_SECONDS = 1.0
#: Parameters that are about the file and not about the optimisation.
_FILE = frozenset({"format", "quality"})


def optimize(context: WorkerContext, job: Job, lease: Lease) -> Made:
    """Optimise the pixels, with previews as samples."""
    from nst_core.gatys import GatysConfig
    from nst_core.gatys import optimize as run_gatys
    from nst_core.images import encode_picture, read_picture

    params = job.params
    started = time.perf_counter()
    lease.report("decode", 0, 1)
    pictures = {
        file.role: read_picture(
            context.storage.get(file.sha256), max_pixels=context.settings.max_pixels
        )
        for file in job.inputs
    }
    teller = _Teller(context, lease)
    config = GatysConfig(**{name: _tuple(value) for name, value in params.items() if name not in _FILE})
    picture = run_gatys(
        pictures["content"],
        pictures["style"],
        config,
        on_progress=teller.progress,
        on_preview=teller.preview,
        should_stop=teller.look,
        device=context.settings.device,
    )
    format_ = pictures["content"].format.lower() if params["format"] == "auto" else params["format"]
    data = encode_picture(picture, cast("PictureFormat", format_), params["quality"])
    info = PictureInfo(media_type=f"image/{format_}", width=picture.width, height=picture.height)
    return Made(
        outputs=[Output(role="image", data=data, info=info)],
        metrics={"render_s": round(time.perf_counter() - started, 4), "losses": teller.losses},
    )


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class _Teller:
    """Records progress and previews, and stops the optimisation by what it raises."""

    def __init__(self, context: WorkerContext, lease: Lease) -> None:
        self._context = context
        self._lease = lease
        self._looked = 0.0
        self._step = 0
        self.losses: dict[str, float] = {}

    def progress(self, stage: str, step: int, total: int, losses: dict[str, float]) -> None:
        self._step, self.losses = step, losses
        if time.monotonic() - self._looked < _LOOK_SECONDS and step < total:
            return
        shown = {"stage": stage, "step": step, "total": total, "losses": losses}
        try:
            with self._context.sessions.begin() as session:
                lifecycle.report_progress(session, self._lease.run, shown)
                training_record.keep_losses(session, self._lease.run, step, losses)
        except SQLAlchemyError:
            return  # progress is for the eye

    def look(self) -> None:
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        self._lease.pulse()
        if self._lease.draining:
            raise DrainedError

    def preview(self, picture: Picture) -> None:
        from nst_core.images import encode_picture

        data = encode_picture(picture, "jpeg", 85)
        info = PictureInfo(media_type="image/jpeg", width=picture.width, height=picture.height)
        try:
            sha256 = store_blob(self._context.sessions, self._context.storage, data, info)
            with self._context.sessions.begin() as session:
                training_record.keep_sample(session, self._lease.run, self._step, sha256)
        except (SQLAlchemyError, JobsError):
            return
