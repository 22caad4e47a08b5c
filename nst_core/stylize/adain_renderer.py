"""Renderer of an arbitrary-style network: encodes a picture once, decodes it for each target."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nst_core.images.picture import Pixels
from nst_core.networks.base import StyleNetwork
from nst_core.runtimes.pytorch import TorchRuntime
from nst_core.runtimes.runtime import MEMORY_MB, Features, Runtime
from nst_core.stylize.grain import SMOOTH, Grain
from nst_core.stylize.memory_limit import MemoryLimit
from nst_core.stylize.padding import PaddedPicture, padded_side
from nst_core.stylize.plan import Target
from nst_core.stylize.renderer import Encoded, Renderer
from nst_core.stylize.request import OnNotice
from nst_core.stylize.tiling import merge_statistics

#: Share of the memory limit that one tile may take. The rest is for the features of encoded tiles.
WINDOW_SHARE = 1 / 3


@dataclass(eq=False)
class _EncodedTiles(Encoded):
    """One picture in tiles, or B pictures in one tile each.

    `features` are those of each tile; None for a tile that is encoded when it is decoded, because the
    features do not fit in memory or are needed only once. `limit` and `device` are those it was encoded
    for.
    """

    pictures: list[PaddedPicture]
    limit: MemoryLimit
    device: str
    statistics: Tensor | None
    features: list[Features | None]

    @property
    def is_whole(self) -> bool:
        """Whether each picture is in one tile."""
        return len(self.features) == 1

    def whole_input(self) -> tuple[Tensor, Tensor | None]:
        """The network's input (B, 3, H, W) for whole pictures, and the weights of its cells."""
        pairs = [(picture, picture.tiles[0]) for picture in self.pictures]
        images = torch.cat([picture.content(tile) for picture, tile in pairs])
        weights = [picture.weight(tile) for picture, tile in pairs]
        if all(weight is None for weight in weights):
            return images, None
        everything = torch.ones_like(next(weight for weight in weights if weight is not None))
        return images, torch.cat([everything if weight is None else weight for weight in weights])


class AdaINRenderer(Renderer):
    """Runs a `StyleNetwork` over pictures, whole where they fit in memory, else in tiles.

    The statistics of a picture in tiles are merged from those of its tiles, and every tile overlaps its
    neighbours by the network's reach, so the result equals that of the whole picture. `margin` is that
    overlap in pixels, the network's reach by default.
    """

    def __init__(
        self,
        network: StyleNetwork,
        runtime: Runtime,
        *,
        limit: MemoryLimit | None = None,
        memory_mb: int = MEMORY_MB,
        margin: int | None = None,
        on_notice: OnNotice | None = None,
        on_tile: Callable[[], None] | None = None,
    ) -> None:
        self._network = network
        self._runtime = runtime
        reach = -(-network.reach // network.stride) * network.stride
        self._margin = reach if margin is None else margin
        if limit is None:
            limit = MemoryLimit.of(memory_mb, network.bytes_per_pixel, reach, window_share=WINDOW_SHARE)
        super().__init__(limit, on_notice, on_tile)

    @property
    def runtime(self) -> str:
        """See `Renderer`."""
        return self._runtime.name

    @property
    def device(self) -> str:
        """See `Renderer`."""
        return self._runtime.device

    def room(self, height: int, width: int) -> int:
        """See `Renderer`."""
        if height * width > self.limit.whole_pixels:
            return 0
        sides = [padded_side(self._network, side) for side in (height, width)]
        return max(1, self.limit.whole_pixels // (sides[0] * sides[1]))

    def statistics(self, pixels: Pixels) -> Tensor:
        """The statistics (1, S) of a picture (H, W, 3) uint8."""
        statistics = self.encode([pixels]).statistics
        assert statistics is not None  # noqa: S101 - measured unless used once only
        return statistics

    def encode(
        self, pictures: Sequence[Pixels], *, reuse: bool = True, grains: Sequence[Grain] = ()
    ) -> _EncodedTiles:
        """See `Renderer`."""
        grains = grains or [SMOOTH] * len(pictures)
        if len(pictures) > 1:
            return self._encode_whole(pictures, grains, reuse=reuse)
        return self._with_less_memory(lambda: self._encode_one(pictures[0], grains[0], reuse=reuse))

    def decode(
        self, encoded: Encoded, targets: Sequence[Target], content: Tensor | None = None
    ) -> Tensor:
        """See `Renderer`."""
        assert isinstance(encoded, _EncodedTiles)  # noqa: S101 - of this renderer's `encode`
        style = torch.cat([target.style for target in targets if target.style is not None])
        alpha = torch.tensor([[float(target.alpha)] for target in targets])
        if len(encoded.pictures) > 1:
            return self._decode(encoded, style, alpha, content)
        return self._with_less_memory(
            lambda: self._decode(self._current(encoded), style, alpha, content)
        )

    def _encode_whole(
        self, pictures: Sequence[Pixels], grains: Sequence[Grain], *, reuse: bool
    ) -> _EncodedTiles:
        padded = [
            self._padded(pixels, grain, whole=True)
            for pixels, grain in zip(pictures, grains, strict=True)
        ]
        encoded = _EncodedTiles(padded, self.limit, self.device, None, [None])
        if reuse:
            features, encoded.statistics = self._runtime.encode(*encoded.whole_input())
            encoded.features = [features]
        return encoded

    def _encode_one(self, pixels: Pixels, grain: Grain, *, reuse: bool = True) -> _EncodedTiles:
        if pixels[..., 0].size <= self.limit.whole_pixels:
            return self._encode_whole([pixels], [grain], reuse=reuse)
        padded = self._padded(pixels, grain, whole=False)
        parts: list[tuple[Tensor, float]] = []
        kept: list[Features | None] = []
        free = self.limit.feature_bytes
        for tile in padded.tiles:
            self._on_tile()
            features, statistics = self._runtime.encode(padded.content(tile), padded.weight(tile))
            parts.append((statistics, padded.area(tile)))
            free -= sum(level.nbytes for level in features)
            kept.append(features if free >= 0 else None)
        merged = merge_statistics(parts, self._network.levels)
        return _EncodedTiles([padded], self.limit, self.device, merged, kept)

    def _current(self, encoded: _EncodedTiles) -> _EncodedTiles:
        """`encoded`, in place encoded anew if the limit or the device has changed; statistics stay."""
        if (encoded.limit, encoded.device) != (self.limit, self.device):
            (picture,) = encoded.pictures
            encoded.features = []  # frees the memory first
            again = self._encode_one(picture.pixels[: picture.height, : picture.width], picture.grain)
            encoded.pictures, encoded.features = again.pictures, again.features
            encoded.limit, encoded.device = again.limit, again.device
            if encoded.statistics is None:
                encoded.statistics = again.statistics
        return encoded

    def _decode(
        self, encoded: _EncodedTiles, style: Tensor, alpha: Tensor, content: Tensor | None
    ) -> Tensor:
        measured = encoded.statistics if content is None else content
        first = encoded.pictures[0]
        if measured is None:
            image, weight = encoded.whole_input()
            output = self._runtime.render(image, style, alpha, weight)
            return output[:, :, : first.height, : first.width]
        blend = torch.lerp(measured, style, alpha)
        if encoded.is_whole:
            (features,) = encoded.features
            if features is None:
                output = self._runtime.render_tile(encoded.whole_input()[0], measured, blend)
            else:
                output = self._runtime.decode(features, measured, blend)
            return output[:, :, : first.height, : first.width]
        whole = torch.empty(1, 3, *first.pixels.shape[:2])
        for tile, features in zip(first.tiles, encoded.features, strict=True):
            self._on_tile()
            if features is None:
                output = self._runtime.render_tile(first.content(tile), measured, blend)
            else:
                output = self._runtime.decode(features, measured, blend)
            rows, columns = tile.kept
            whole[:, :, tile.inner[0], tile.inner[1]] = output[:, :, rows, columns]
        return whole[:, :, : first.height, : first.width]

    def _padded(self, pixels: Pixels, grain: Grain, *, whole: bool) -> PaddedPicture:
        network = self._network
        height, width = (padded_side(network, side) for side in pixels.shape[:2])
        window = max(height, width) if whole else self.limit.window
        return PaddedPicture(pixels, (height, width), network.stride, window, self._margin, grain)

    def _move_to_cpu(self) -> None:
        # A copy, because the GPU's runtime keeps its own network for the next job.
        self._runtime = TorchRuntime(copy.deepcopy(self._network), "cpu")
