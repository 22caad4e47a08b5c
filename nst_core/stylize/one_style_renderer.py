"""Renderer of a network of one style: one pass for a picture, or tiles with shared statistics."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from nst_core.images.picture import Pixels, to_tensor
from nst_core.networks.frozen_norm import FrozenJohnson
from nst_core.networks.johnson import STRIDE, JohnsonNetwork, inner_side
from nst_core.runtimes.pytorch import TorchFeedForward
from nst_core.runtimes.runtime import MEMORY_MB, FeedForwardRuntime
from nst_core.stylize.grain import Grain
from nst_core.stylize.memory_limit import MemoryLimit
from nst_core.stylize.padding import PaddedPicture
from nst_core.stylize.plan import Target
from nst_core.stylize.renderer import Encoded, Renderer
from nst_core.stylize.request import OnNotice
from nst_core.stylize.tiling import Tile, tiles

#: Working memory for each pixel of a picture, in bytes: measured, rounded up.
BYTES_PER_PIXEL = 1_200
#: Largest distance in pixels between an input pixel and an output pixel that depends on it, given the
#: statistics: 4 for the head and the first convolution each, 1 and 2 down, ten times 4 at a quarter of
#: the size, 4 and 2 up; upsampling reaches the rest of a cell.
REACH = 64
#: Side of the windows that statistics are measured on, and the margin that does not count at their cut
#: edges. The missing surroundings are reflected, which changes statistics far less than pixels.
_SAMPLE_SIDE, _SAMPLE_MARGIN = 256, 16
#: Least number of sample windows, however little memory there is.
_LEAST_SAMPLES = 4


@dataclass(eq=False)
class _Pictures(Encoded):
    """Pictures as they are: this kind of network has no part without the style."""

    pictures: Sequence[Pixels]
    statistics: None = None


class OneStyleRenderer(Renderer):
    """Runs a network of one style, whole where a picture fits in memory, else in tiles.

    The statistics of the tiles' normalisations are measured on an even sample of windows.
    `sample_pixels` limits the size of that sample; by default it is the largest picture that is
    rendered whole.
    """

    def __init__(
        self,
        network: JohnsonNetwork,
        runtime: FeedForwardRuntime,
        *,
        limit: MemoryLimit | None = None,
        memory_mb: int = MEMORY_MB,
        sample_pixels: int | None = None,
        on_notice: OnNotice | None = None,
        on_tile: Callable[[], None] | None = None,
    ) -> None:
        self._network = network
        self._runtime = runtime
        self._sample_pixels = sample_pixels
        super().__init__(limit or MemoryLimit.of(memory_mb, BYTES_PER_PIXEL, REACH), on_notice, on_tile)

    @property
    def runtime(self) -> str:
        """See `Renderer`."""
        return self._runtime.name

    @property
    def device(self) -> str:
        """See `Renderer`."""
        return self._runtime.device

    def room(self, height: int, width: int) -> int:
        """See `Renderer`. Pictures go through this kind of network one by one."""
        return int(height * width <= self.limit.whole_pixels)

    def encode(
        self, pictures: Sequence[Pixels], *, reuse: bool = True, grains: Sequence[Grain] = ()
    ) -> Encoded:
        """See `Renderer`. This kind of network is trained without noise and gets none."""
        return _Pictures(pictures)

    def decode(
        self, encoded: Encoded, targets: Sequence[Target], content: Tensor | None = None
    ) -> Tensor:
        """See `Renderer`. The targets' style and strength have no meaning for this kind of network."""
        assert isinstance(encoded, _Pictures)  # noqa: S101 - of this renderer's `encode`
        return torch.cat(
            [self._with_less_memory(partial(self._output, each)) for each in encoded.pictures]
        )

    def _output(self, pixels: Pixels) -> Tensor:
        height, width = pixels.shape[:2]
        if height * width <= self.limit.whole_pixels:
            return self._runtime.run(to_tensor(pixels))
        sides = inner_side(height), inner_side(width)
        window = self.limit.window // (4 * STRIDE) * (4 * STRIDE)
        padded = PaddedPicture(pixels, sides, STRIDE, window, REACH)
        frozen = FrozenJohnson(self._network)
        frozen.network.to(self.device)
        share = self._measure(frozen, padded)
        if share < 1:
            self._notice(
                f"The picture is painted in {len(padded.tiles)} tiles; its statistics are those of an "
                f"even sample of {share:.0%} of it."
            )
        whole = torch.empty(1, 3, *sides)
        for tile in padded.tiles:
            self._on_tile()
            output = frozen.paint(padded.content(tile).to(self.device)).cpu()
            rows, columns = tile.kept
            whole[:, :, tile.inner[0], tile.inner[1]] = output[:, :, rows, columns]
        return whole[:, :, :height, :width]

    def _measure(self, frozen: FrozenJohnson, padded: PaddedPicture) -> float:
        """Measure the statistics on a sample of windows; returns the sample's share of the picture."""
        height, width = padded.pixels.shape[:2]
        cut = list(tiles(height, width, _SAMPLE_SIDE, _SAMPLE_MARGIN))
        pixels = self.limit.whole_pixels if self._sample_pixels is None else self._sample_pixels
        count = min(len(cut), max(_LEAST_SAMPLES, pixels // _SAMPLE_SIDE**2))
        chosen = [cut[int((place + 0.5) * len(cut) / count)] for place in range(count)]
        windows = torch.cat([padded.content(tile) for tile in chosen])
        weight = torch.cat([_weight(tile) for tile in chosen])
        frozen.measure(windows.to(self.device), weight.to(self.device))
        return float(weight.sum()) / float(height * width)

    def _move_to_cpu(self) -> None:
        self._runtime = TorchFeedForward(copy.deepcopy(self._network), "cpu")


def _weight(tile: Tile) -> Tensor:
    """1 for the inner part of a window, 0 for the rest, (1, 1, H, W)."""
    weight = torch.zeros(1, 1, tile.rows[1] - tile.rows[0], tile.columns[1] - tile.columns[0])
    weight[:, :, tile.kept[0], tile.kept[1]] = 1
    return weight
