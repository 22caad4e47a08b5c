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
from nst_core.runtimes.runtime import Features, Runtime
from nst_core.stylize.memory_limit import MemoryLimit
from nst_core.stylize.padding import PaddedPicture, padded_side
from nst_core.stylize.plan import Target
from nst_core.stylize.renderer import Encoded, Renderer
from nst_core.stylize.request import OnNotice
from nst_core.stylize.tiling import Tile, merge_statistics

#: Share of the memory limit that one tile may take. The rest is for the features of encoded tiles.
WINDOW_SHARE = 1 / 3


@dataclass(eq=False)
class _EncodedTiles(Encoded):
    """One picture in tiles, or B pictures in one tile each.

    `features` are those of each tile; None where they did not fit in memory, so that the tile is
    encoded again for each target. `limit` and `device` tell what they were encoded for.
    """

    pictures: list[PaddedPicture]
    limit: MemoryLimit
    device: str
    statistics: Tensor
    features: list[Features | None]


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
        memory_mb: int = 1_500,
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
        return self.encode([pixels]).statistics

    def encode(self, pictures: Sequence[Pixels]) -> _EncodedTiles:
        """See `Renderer`."""
        if len(pictures) > 1:
            return self._encode_batch(pictures)
        return self._with_less_memory(lambda: self._encode_one(pictures[0]))

    def decode(
        self, encoded: Encoded, targets: Sequence[Target], content: Tensor | None = None
    ) -> Tensor:
        """See `Renderer`."""
        assert isinstance(encoded, _EncodedTiles)  # noqa: S101 - of this renderer's `encode`
        if len(encoded.pictures) > 1:
            return self._decode(encoded, targets, content)
        return self._with_less_memory(lambda: self._decode(self._current(encoded), targets, content))

    def _encode_batch(self, pictures: Sequence[Pixels]) -> _EncodedTiles:
        padded = [self._padded(pixels, whole=True) for pixels in pictures]
        tiles = [each.tiles[0] for each in padded]
        images = torch.cat([each.content(tile) for each, tile in zip(padded, tiles, strict=True)])
        weights = [each.weight(tile) for each, tile in zip(padded, tiles, strict=True)]
        weight = None
        if any(one is not None for one in weights):
            whole = torch.ones(1, 1, *(side // self._network.stride for side in images.shape[2:]))
            weight = torch.cat([whole if one is None else one for one in weights])
        features, statistics = self._runtime.encode(images, weight)
        return _EncodedTiles(padded, self.limit, self.device, statistics, [features])

    def _encode_one(self, pixels: Pixels) -> _EncodedTiles:
        padded = self._padded(pixels, whole=pixels[..., 0].size <= self.limit.whole_pixels)
        parts: list[tuple[Tensor, float]] = []
        kept: list[Features | None] = []
        free = self.limit.feature_bytes
        for tile in padded.tiles:
            if len(padded.tiles) > 1:
                self._on_tile()
            features, statistics = self._runtime.encode(padded.content(tile), padded.weight(tile))
            parts.append((statistics, padded.area(tile)))
            free -= sum(level.nbytes for level in features)
            kept.append(features if free >= 0 or len(padded.tiles) == 1 else None)
        merged = parts[0][0] if len(parts) == 1 else merge_statistics(parts, self._network.levels)
        return _EncodedTiles([padded], self.limit, self.device, merged, kept)

    def _current(self, encoded: _EncodedTiles) -> _EncodedTiles:
        """`encoded`, or the same picture encoded for the limit and the device of now.

        The new tiles and features take the place of the old ones; the statistics stay.
        """
        if (encoded.limit, encoded.device) != (self.limit, self.device):
            (picture,) = encoded.pictures
            encoded.features = []  # frees the memory first
            anew = self._encode_one(picture.pixels[: picture.height, : picture.width])
            encoded.pictures, encoded.features = anew.pictures, anew.features
            encoded.limit, encoded.device = anew.limit, anew.device
        return encoded

    def _decode(
        self, encoded: _EncodedTiles, targets: Sequence[Target], content: Tensor | None
    ) -> Tensor:
        measured = encoded.statistics if content is None else content
        styles = [target.style for target in targets]
        assert all(style is not None for style in styles)  # noqa: S101 - checked by the engine
        style = torch.cat(styles)  # type: ignore[arg-type]
        alpha = torch.tensor([[float(target.alpha)] for target in targets])
        blend = torch.lerp(measured, style, alpha)
        first = encoded.pictures[0]
        if len(first.tiles) == 1:
            features = encoded.features[0]
            assert features is not None  # noqa: S101 - kept for a whole picture
            output = self._runtime.decode(features, measured, blend)
            return output[:, :, : first.height, : first.width]
        whole = torch.empty(1, 3, *first.pixels.shape[:2])
        for tile, features in zip(first.tiles, encoded.features, strict=True):
            self._on_tile()
            output = self._runtime.decode(features or self._features(first, tile), measured, blend)
            rows, columns = tile.kept
            whole[:, :, tile.inner[0], tile.inner[1]] = output[:, :, rows, columns]
        return whole[:, :, : first.height, : first.width]

    def _features(self, padded: PaddedPicture, tile: Tile) -> Features:
        return self._runtime.encode(padded.content(tile), padded.weight(tile))[0]

    def _padded(self, pixels: Pixels, *, whole: bool) -> PaddedPicture:
        network = self._network
        height, width = (padded_side(network, side) for side in pixels.shape[:2])
        window = max(height, width) if whole else self.limit.window
        return PaddedPicture(pixels, (height, width), network.stride, window, self._margin)

    def _move_to_cpu(self) -> None:
        # A copy, because the GPU's runtime keeps its own network for the next job.
        self._runtime = TorchRuntime(copy.deepcopy(self._network), "cpu")
