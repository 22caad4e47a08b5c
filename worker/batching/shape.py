"""Which jobs a worker may render in one pass, as far as their rows tell."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.db.models.jobs import Job
from jobs.params.inputs import NETWORK_ROLE
from jobs.params.kinds import strengths


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What the network is given for a job. Sides are the photo's, in pixels."""

    network: str
    width: int | None
    height: int | None
    size: int | None
    stroke: float | None
    paintings: int


def shape_of(job: Job) -> Shape | None:
    """The shape of a job that waits or has just been claimed; None for one that is to be run alone.

    Alone are kinds other than `stylize`, jobs with regions or with a network of one style, those that
    give the photo back, and those that were tried before: what ended that attempt may end the worker,
    and others should not share it.
    """
    content = next((file.blob for file in job.inputs if file.role == "content"), None)
    if job.kind != "stylize" or content is None or job.params.get("regions"):
        return None
    if any(file.role == NETWORK_ROLE for file in job.inputs):
        return None
    before = job.attempt - 1 if job.lease_owner else job.attempt
    paintings = len({alpha for alpha in strengths(job.params) if alpha > 0})
    if before > 0 or paintings == 0:
        return None
    return Shape(
        network=job.params["network"],
        width=content.width,
        height=content.height,
        size=job.params["size"],
        stroke=job.params["stroke"],
        paintings=paintings,
    )
