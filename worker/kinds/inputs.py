"""Inputs of a stylize or video job, read from storage: photo, styles, regions, network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobs.db.models.jobs import Job
from jobs.params.fields import RegionParams
from jobs.params.inputs import NETWORK_ROLE, mask_role, region_style_role, style_roles
from jobs.params.stylize import StylizeParams
from jobs.params.video import VideoParams
from worker.context import WorkerContext
from worker.style_statistics import statistics_key

if TYPE_CHECKING:
    from torch import Tensor

    from jobs.media.decoded_photos import DecodedPhoto
    from nst_core.images.picture import Picture
    from nst_core.stylize.engine import Engine
    from nst_core.stylize.regions import Region


def network_key(context: WorkerContext, job: Job, network: str) -> str:
    """The key of a job's network in the worker's engines; a trained network's file is fetched."""
    sha256 = next((file.sha256 for file in job.inputs if file.role == NETWORK_ROLE), None)
    if sha256 is None:
        return network
    if context.engines.add_file(sha256, lambda: context.storage.get(sha256)):
        context.record_version(sha256)
    return sha256


class StylizeInputs:
    """Reads a job's inputs by their roles. `engine` is the engine that will render the job."""

    def __init__(self, context: WorkerContext, job: Job, params: StylizeParams | VideoParams) -> None:
        self._context = context
        self._job = job
        self._params = params
        self._sha256 = {file.role: file.sha256 for file in job.inputs}
        #: Whether the statistics of all styles read so far were in the cache.
        self.styles_cached = True

    def network(self) -> str:
        """The key of the job's network in the worker's engines; a trained network's file is fetched."""
        return network_key(self._context, self._job, self._params.network)

    def content(self, long_side: int | None) -> Picture:
        """The photo. A large JPEG is decoded at a reduced size if `long_side` pixels are enough.

        The web server may have decoded it at that size already.
        """
        decoded = self._context.decoded_photos.take(self._sha256["content"], long_side)
        return self._read("content", long_side) if decoded is None else _picture(decoded)

    def style(self, engine: Engine, content: Picture | None) -> Tensor:
        """The statistics (1, S) of the style, or of the mix of styles."""
        from nst_core.stylize.style_engine import mix

        weights = [share.weight for share in self._params.styles] or [1.0]
        roles = style_roles(len(weights))
        return mix([self._statistics(role, engine, content) for role in roles], weights)

    def regions(self, engine: Engine, content: Picture, asked: Sequence[RegionParams]) -> list[Region]:
        """The regions, each with its mask and its style, if it has one."""
        from nst_core.stylize.regions import Region, mask_of

        regions = []
        for number, region in enumerate(asked, 1):
            role = region_style_role(number)
            regions.append(
                Region(
                    mask_of(self._read(mask_role(number))),
                    self._statistics(role, engine, content) if role in self._sha256 else None,
                    region.alpha,
                    region.feather,
                )
            )
        return regions

    def _statistics(self, role: str, engine: Engine, content: Picture | None) -> Tensor:
        if self._params.color == "match":
            # These statistics depend on the content too, so they can't be cached for other jobs.
            self.styles_cached = False
            return engine.style_statistics(self._read(role), match=content)
        key = statistics_key(self._context.engines.fingerprint(self.network()), self._job.owner)
        statistics, cached = self._context.statistics.get(
            self._sha256[role], key, lambda: engine.style_statistics(self._read(role))
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


def _picture(decoded: DecodedPhoto) -> Picture:
    import numpy as np

    from nst_core.images.picture import Picture

    layout, shape = decoded.layout, (decoded.layout.height, decoded.layout.width)
    values = np.frombuffer(decoded.pixels, np.uint8)
    rgb, alpha = values[: layout.rgb_bytes], values[layout.rgb_bytes :]
    return Picture(
        rgb.reshape(*shape, 3), alpha.reshape(shape) if layout.has_alpha else None, layout.format
    )
