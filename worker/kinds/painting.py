"""A job's pictures from the engine: alone, or in one pass with those of the jobs beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from jobs.db.models.jobs import Job
from worker.kinds.inputs import StylizeInputs

if TYPE_CHECKING:
    from nst_core.images.picture import Picture
    from nst_core.stylize.engine import OnProgress, StyleEngine
    from nst_core.stylize.johnson_engine import JohnsonEngine
    from nst_core.stylize.renderer import OnNotice
    from worker.context import WorkerContext
    from worker.lease import Lease

#: One picture for each strength, and how many jobs were rendered in the pass.
Paint = Callable[[Sequence[float], "Lease", "OnNotice"], "tuple[list[Picture], int]"]


def painter(
    context: WorkerContext, job: Job, network: str, inputs: StylizeInputs, content: Picture
) -> Paint:
    """What paints the content in the style that was given, or in the network's own."""
    from nst_core.stylize.engine import StyleEngine

    params = inputs.params
    asked = {"size": params["size"], "color": params["color"]}
    engine = context.engines.get(network)
    if not isinstance(engine, StyleEngine):
        return _own_style(engine, content, asked)
    asked |= {name: params[name] for name in ("stroke", "texture", "seed")}
    asked["regions"] = inputs.regions(engine, content)
    return _given_style(context, job, engine, content, inputs.style(engine, content), asked)


def _own_style(engine: JohnsonEngine, content: Picture, asked: dict[str, Any]) -> Paint:
    def paint(alphas: Sequence[float], lease: Lease, on_notice: OnNotice) -> tuple[list[Picture], int]:
        on_progress = _checking(lease)
        pictures = [
            engine.stylize(content, alpha=alpha, on_progress=on_progress, on_notice=on_notice, **asked)
            for alpha in alphas
        ]
        return pictures, 1

    return paint


def _given_style(
    context: WorkerContext,
    job: Job,
    engine: StyleEngine,
    content: Picture,
    style: Any,
    asked: dict[str, Any],
) -> Paint:
    from nst_core.stylize.batching import Order

    def paint(alphas: Sequence[float], lease: Lease, on_notice: OnNotice) -> tuple[list[Picture], int]:
        def alone() -> list[Picture]:
            on_progress = _checking(lease)
            return engine.stylize_strip(
                content, style, alphas, on_progress=on_progress, on_notice=on_notice, **asked
            )

        if context.batch is None:
            return alone(), 1
        order = Order(content=content, style=style, alphas=alphas, **asked)
        return context.batch.render(job.id, engine, order, alone, lease.check)

    return paint


def _checking(lease: Lease) -> OnProgress:
    return lambda stage, step, total: lease.check()
