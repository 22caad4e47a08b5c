"""The pictures that a stylize job was given, as the engine wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.db.models.jobs import Job
from jobs.params.inputs import NETWORK_ROLE, mask_role, region_style_role, style_roles
from worker.context import WorkerContext

if TYPE_CHECKING:
    from torch import Tensor

    from nst_core.images.picture import Picture
    from nst_core.stylize.engine import StyleEngine
    from nst_core.stylize.regions import Region


def network_key(context: WorkerContext, job: Job) -> str:
    """The key of a job's network in the worker's engines; its file is fetched, if need be."""
    sha256 = next((file.sha256 for file in job.inputs if file.role == NETWORK_ROLE), None)
    if sha256 is None:
        name: str = job.params["network"]
        return name
    if context.engines.add_file(sha256, lambda: context.storage.get(sha256)):
        context.record_version(sha256)
    return sha256


class StylizeInputs:
    """Reads a job's inputs by their roles. `engine` is the one that the job will be rendered by."""

    def __init__(self, context: WorkerContext, job: Job) -> None:
        self._context = context
        self._job = job
        self.params = job.params
        self._sha256 = {file.role: file.sha256 for file in job.inputs}
        #: Whether every style that was asked for so far was known already.
        self.styles_cached = True

    def network(self) -> str:
        """The key of the network that was asked for in the worker's engines; fetched, if need be."""
        return network_key(self._context, self._job)

    def content(self) -> Picture:
        """The photo; a large JPEG no larger than it will be needed."""
        from nst_core.stylize.strokes import longest_side

        return self._read("content", longest_side(self.params["size"], self.params["stroke"]))

    def style(self, engine: StyleEngine, content: Picture | None) -> Tensor:
        """The statistics of the style, or of the mix of styles."""
        from nst_core.stylize.engine import mix

        weights = [share["weight"] for share in self.params["styles"]] or [1.0]
        roles = style_roles(self.params)
        return mix([self._statistics(role, engine, content) for role in roles], weights)

    def regions(self, engine: StyleEngine, content: Picture) -> list[Region]:
        """The regions, each with its mask and, where it has one, its style."""
        from nst_core.stylize.regions import Region, mask_of

        regions = []
        for number, region in enumerate(self.params["regions"], 1):
            role = region_style_role(number)
            regions.append(
                Region(
                    mask_of(self._read(mask_role(number))),
                    self._statistics(role, engine, content) if role in self._sha256 else None,
                    region["alpha"],
                    region["feather"],
                )
            )
        return regions

    def _statistics(self, role: str, engine: StyleEngine, content: Picture | None) -> Tensor:
        if self.params["color"] == "match":
            # These depend on the content too: they are worth nothing to any other job.
            self.styles_cached = False
            return engine.style_statistics(self._read(role), match=content)
        fingerprint = self._context.engines.fingerprint(self.network())
        statistics, cached = self._context.statistics.get(
            self._sha256[role], fingerprint, lambda: engine.style_statistics(self._read(role))
        )
        self.styles_cached = self.styles_cached and cached
        return statistics

    def _read(self, role: str, target_long_side: int | None = None) -> Picture:
        from nst_core.images.picture import read_picture

        return read_picture(
            self._context.storage.get(self._sha256[role]),
            max_pixels=self._context.settings.max_pixels,
            target_long_side=target_long_side,
        )
