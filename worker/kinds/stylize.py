"""Jobs of the kind `stylize`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from jobs.db.models.jobs import Job
from jobs.media.pictures import PictureInfo
from jobs.params.kinds import parse_params
from jobs.params.stylize import StylizeParams
from worker.batching.render_task import RenderTask
from worker.kinds.inputs import StylizeInputs
from worker.result import JobResult, OutputFile

if TYPE_CHECKING:
    from nst_core.images.picture import PictureFormat
    from worker.context import WorkerContext
    from worker.lease import Lease


def stylize(context: WorkerContext, job: Job, lease: Lease) -> JobResult:
    """Render the content in the style; one output for each strength alpha."""
    from nst_core.images.picture import encode_picture
    from nst_core.stylize.request import RenderReport, RenderRequest

    params: StylizeParams = parse_params("stylize", job.params)
    inputs = StylizeInputs(context, job, params)
    clock, since = _Clock(), context.device.now()
    lease.report("decode", 0, 4)
    content = inputs.content(params.longest_side)
    clock.lap("decode_s")

    lease.report("style", 1, 4)
    network = inputs.network()
    engine = context.engines.get(network)
    request = RenderRequest(
        content=content,
        style=None if engine.fixed_style else inputs.style(engine, content),
        alphas=params.strengths,
        settings=params,
        regions=inputs.regions(engine, content, params.regions),
    )
    clock.lap("style_s")

    lease.report("render", 2, 4)
    report = RenderReport()
    task = RenderTask(engine=engine, request=request, report=report, check=lease.check, since=since)
    rendered = context.render(job.id, task)
    clock.lap("render_s")

    lease.report("encode", 3, 4)
    format_ = cast("PictureFormat", _format(params.format, content.format))
    outputs = []
    for alpha, picture in zip(request.alphas, rendered.pictures, strict=True):
        settings = _settings(params, alpha) if params.metadata else None
        data = encode_picture(picture, format_, params.quality, settings)
        info = PictureInfo(media_type=f"image/{format_}", width=picture.width, height=picture.height)
        outputs.append(OutputFile(role="image", data=data, info=info))
    clock.lap("encode_s")
    return JobResult(
        outputs=outputs,
        network_version=context.engines.version(network),
        metrics={
            **clock.laps,
            "network": params.network,
            "runtime": report.runtime,
            "style_cached": inputs.styles_cached,
            "device_wait_s": round(rendered.device_wait_s, 4),
            **({"rendered_together": rendered.together} if rendered.together > 1 else {}),
            **({"notices": report.notices} if report.notices else {}),
        },
    )


def _settings(params: StylizeParams, alpha: float) -> dict[str, Any]:
    """The settings of one output, as written into the file's metadata."""
    return params.model_dump(mode="json", exclude={"alphas", "metadata"}) | {"alpha": alpha}


def _format(asked: str, content: str) -> str:
    return content.lower() if asked == "auto" else asked


class _Clock:
    """A stopwatch with named laps, in seconds."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        at = time.perf_counter()
        self.laps[name] = round(at - self._last, 4)
        self._last = at
