"""The input shape of a stylize job, known from its row: jobs of one shape can share a pass."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.db.models.jobs import Job
from jobs.params.inputs import NETWORK_ROLE
from jobs.params.kinds import strengths
from params.working_size import working_side


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Network, sizes in pixels and number of passes of a job. `width` and `height` are the photo's."""

    network: str
    width: int | None
    height: int | None
    size: int | None
    stroke: float | None
    passes: int

    @property
    def network_sides(self) -> tuple[int, int] | None:
        """Width and height of the network's largest input; None if the photo's size is not known."""
        if not self.width or not self.height:
            return None
        longest = max(self.width, self.height)
        side = max(self.size or longest, 0 if self.stroke is None else working_side(self.stroke))
        return max(1, round(self.width * side / longest)), max(1, round(self.height * side / longest))


def shape_of(job: Job) -> Shape | None:
    """The shape of a job that is queued or was just claimed; None for a job that must run alone.

    These run alone: kinds other than `stylize`, jobs with regions or with a network of one style, jobs
    that give the photo back unchanged, and jobs after their first attempt, because the cause of the
    failure may end the worker and must not affect other jobs.
    """
    content = next((file.blob for file in job.inputs if file.role == "content"), None)
    if job.kind != "stylize" or content is None or job.params.get("regions"):
        return None
    if any(file.role == NETWORK_ROLE for file in job.inputs):
        return None
    earlier_attempts = job.attempt - 1 if job.lease_owner else job.attempt
    passes = len({alpha for alpha in strengths(job.params) if alpha > 0})
    if earlier_attempts > 0 or passes == 0:
        return None
    return Shape(
        network=job.params["network"],
        width=content.width,
        height=content.height,
        size=job.params["size"],
        stroke=job.params["stroke"],
        passes=passes,
    )
