"""What each kind of job does: blobs in, `nst_core`, blobs out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from jobs.models import Job
from jobs.pictures import PictureInfo

if TYPE_CHECKING:
    from nst_core.images import PictureFormat
    from worker.context import WorkerContext
    from worker.lease import Lease


@dataclass(frozen=True, kw_only=True)
class Output:
    """A file that a job made."""

    role: str
    data: bytes
    info: PictureInfo


@dataclass(kw_only=True)
class Made:
    """All that a job made, and its figures (durations in seconds)."""

    outputs: list[Output]
    metrics: dict[str, Any] = field(default_factory=dict)


def stylize(context: WorkerContext, job: Job, lease: Lease) -> Made:
    """Render the content in the style."""
    from nst_core.images import encode_picture, read_picture

    params = job.params
    inputs = {file.role: file for file in job.inputs}
    clock = _Clock()
    limit = context.settings.max_pixels
    lease.report("decode", 0, 4)
    content = read_picture(
        context.storage.get(inputs["content"].sha256),
        max_pixels=limit,
        target_long_side=params["size"],
    )
    clock.lap("decode_s")

    lease.report("style", 1, 4)
    engine = context.engines.get(params["network"])
    style_sha256 = inputs["style"].sha256
    statistics, cached = context.statistics.get(
        style_sha256,
        context.engines.fingerprint(params["network"]),
        lambda: engine.style_statistics(
            read_picture(context.storage.get(style_sha256), max_pixels=limit)
        ),
    )
    clock.lap("style_s")

    lease.report("render", 2, 4)
    result = engine.stylize(
        content,
        statistics,
        alpha=params["alpha"],
        size=params["size"],
        preserve_color=params["preserve_color"],
        on_progress=lambda stage, step, total: lease.check(),
    )
    clock.lap("render_s")

    lease.report("encode", 3, 4)
    format_ = cast("PictureFormat", _format(params["format"], content.format))
    data = encode_picture(result, format_)
    clock.lap("encode_s")
    info = PictureInfo(media_type=f"image/{format_}", width=result.width, height=result.height)
    return Made(
        outputs=[Output(role="image", data=data, info=info)],
        metrics={
            **clock.laps,
            "network": params["network"],
            "runtime": engine.runtime.name,
            "style_cached": cached,
        },
    )


def _format(asked: str, content: str) -> str:
    return content.lower() if asked == "auto" else asked


class _Clock:
    """Names the time since the last lap."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        at = time.perf_counter()
        self.laps[name] = round(at - self._last, 4)
        self._last = at


#: Kind of job → what runs it.
HANDLERS: dict[str, Callable[[WorkerContext, Job, Lease], Made]] = {"stylize": stylize}
