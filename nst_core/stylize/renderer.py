"""Pictures of any size through a network, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from nst_core.images.picture import Pixels, to_tensor
from nst_core.networks.base import StyleNetwork
from nst_core.runtimes.runtime import Runtime, TorchRuntime
from nst_core.stylize.grain import SMOOTH, Grain
from nst_core.stylize.plan import Target
from nst_core.stylize.tiling import Tile, coverage, merge_statistics, tiles

#: Sides are padded to a multiple of this many pixels for every started 512, so that pictures of many
#: sizes share the few shapes that a runtime compiles for. At most a sixteenth of a side is added.
BUCKET = 32

#: Hears, in a sentence, of something that was done in another way than asked, or twice.
OnNotice = Callable[[str], None]


class Renderer:
    """Runs one network over pictures, whole where they fit in `memory_mb`, else in tiles.

    The statistics of a tiled picture are put together from its tiles in a first pass, and every tile
    overlaps its neighbours by the network's reach, so the result is that of the whole picture.
    """

    def __init__(self, network: StyleNetwork, runtime: Runtime, *, memory_mb: int = 1_500) -> None:
        self._network = network
        self._runtime = runtime
        stride = network.stride
        self._margin = -(-network.reach // stride) * stride
        pixels = memory_mb * 1_000_000 // network.bytes_per_pixel
        #: A larger picture is cut into tiles.
        self.whole_pixels = pixels
        #: Side of a tile; the least that makes sense is half margin.
        self.window = max(4 * self._margin, int((pixels / 3) ** 0.5) // 64 * 64)

    @property
    def runtime(self) -> str:
        """The name of the runtime in use; after running out of a GPU's memory, another than before."""
        return self._runtime.name

    @property
    def device(self) -> str:
        """Where it runs."""
        return self._runtime.device

    def statistics(
        self, pixels: Pixels, on_notice: OnNotice | None = None, *, grain: Grain = SMOOTH
    ) -> Tensor:
        """The statistics (1, S) of a picture (H, W, 3) uint8, with the noise `grain` added to it."""
        return self._surviving(lambda: self._measure(_Padded(self, pixels, grain)), on_notice)

    def outputs(
        self,
        pixels: Pixels,
        targets: Sequence[Target],
        on_notice: OnNotice | None = None,
        *,
        grain: Grain = SMOOTH,
    ) -> Iterator[Tensor]:
        """The network's output (1, 3, H, W), not clamped, for each target in turn."""
        known: Tensor | None = None
        for target in targets:

            def paint(target: Target = target) -> Tensor:
                nonlocal known
                padded = _Padded(self, pixels, grain)
                if len(padded.tiles) == 1 and len(targets) == 1:
                    return self._whole(padded, target)
                known = self._measure(padded) if known is None else known
                return self._tiled(padded, known, target)

            yield self._surviving(paint, on_notice)

    def room(self, height: int, width: int) -> int:
        """How many pictures of a size fit in the memory at once; 0 if not even one does."""
        if height * width > self.whole_pixels:
            return 0
        sides = [padded_side(self._network, side) for side in (height, width)]
        return max(1, self.whole_pixels // (sides[0] * sides[1]))

    def outputs_together(
        self,
        pictures: Sequence[Pixels],
        targets: Sequence[Sequence[Target]],
        grains: Sequence[Grain],
    ) -> Iterator[Tensor]:
        """The outputs (B, 3, H, W), not clamped, for B pictures of one size for which there is `room`.

        `targets` are those of each picture, as many for all: first come the outputs for the first of
        each, then for the second. `grains` holds the noise of each picture. An error for want of memory
        is the caller's, who can take fewer.
        """
        padded = [_Padded(self, pixels, grain) for pixels, grain in zip(pictures, grains, strict=True)]
        images = torch.cat([each.image(each.tiles[0]) for each in padded])
        weights = torch.cat([each.weight(each.tiles[0]) for each in padded])
        weight = None if bool((weights == 1).all()) else weights
        known = None if len(targets[0]) == 1 else self._runtime.statistics(images, weight)
        for chosen in zip(*targets, strict=True):
            style = torch.cat([target.style for target in chosen])
            alpha = torch.tensor([[float(target.alpha)] for target in chosen])
            if known is None:
                output = self._runtime.render(images, style, alpha, weight)
            else:
                blend = torch.lerp(known, style, alpha)
                output = self._runtime.render_tile(images, known, blend)
            yield output[:, :, : padded[0].height, : padded[0].width]

    def painted(
        self,
        pixels: Pixels,
        content: Tensor,
        target: Target,
        on_notice: OnNotice | None = None,
        *,
        grain: Grain = SMOOTH,
    ) -> Tensor:
        """The output for a picture whose statistics are said to be `content`, as in a film.

        They need not be measured on it: in a film they are a mean over time.
        """
        padded = _Padded(self, pixels, grain)
        return self._surviving(lambda: self._tiled(padded, content, target), on_notice)

    def _measure(self, padded: _Padded) -> Tensor:
        parts = []
        for tile in padded.tiles:
            weight = padded.weight(tile)
            measured = self._runtime.statistics(
                padded.image(tile), None if bool((weight == 1).all()) else weight
            )
            parts.append((measured, float(weight.sum())))
        return parts[0][0] if len(parts) == 1 else merge_statistics(parts, self._network.levels)

    def _whole(self, padded: _Padded, target: Target) -> Tensor:
        (tile,) = padded.tiles
        weight = padded.weight(tile)
        output = self._runtime.render(
            padded.image(tile),
            target.style,
            torch.tensor([[float(target.alpha)]]),
            None if bool((weight == 1).all()) else weight,
        )
        return output[:, :, : padded.height, : padded.width]

    def _tiled(self, padded: _Padded, content: Tensor, target: Target) -> Tensor:
        blend = torch.lerp(content, target.style, target.alpha)
        whole = torch.empty(1, 3, *padded.pixels.shape[:2])
        for tile in padded.tiles:
            output = self._runtime.render_tile(padded.image(tile), content, blend)
            rows, columns = tile.kept
            whole[:, :, tile.inner[0], tile.inner[1]] = output[:, :, rows, columns]
        return whole[:, :, : padded.height, : padded.width]

    def _surviving(self, attempt: Callable[[], Tensor], on_notice: OnNotice | None) -> Tensor:
        """`attempt`, again with smaller tiles, then on the CPU, as long as memory runs out."""
        while True:
            try:
                return attempt()
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                told = self._with_less_memory()
                if told is None:
                    raise MemoryError(
                        "There is not enough memory for even the smallest tile."
                    ) from error
            if on_notice is not None:
                on_notice(told)

    def _with_less_memory(self) -> str | None:
        least = 4 * self._margin
        if self._runtime.device != "cpu":
            torch.cuda.empty_cache()
        if self.whole_pixels > least**2:
            smaller = max(least, min(self.window, int(self.whole_pixels**0.5)) // 2 // 64 * 64)
            self.window, self.whole_pixels = smaller, smaller**2
            return f"Memory ran out; the picture is rendered in tiles of {smaller} pixels."
        if self._runtime.device != "cpu":
            device = self._runtime.device
            self._runtime = TorchRuntime(self._network, "cpu")
            return f"The memory of {device} ran out even in small tiles; the CPU renders the picture."
        return None


class _Padded:
    """A picture mirrored on the right and below to sides that the runtime takes, and its tiles.

    A mirror repeats the picture's own colours and lines; it is not counted for the statistics.
    Pictures smaller than the border are mirrored again and again.
    """

    def __init__(self, renderer: Renderer, pixels: Pixels, grain: Grain) -> None:
        network = renderer._network
        self._grain = grain
        self.height, self.width = pixels.shape[:2]
        whole = self.height * self.width <= renderer.whole_pixels
        sides = [padded_side(network, side) for side in pixels.shape[:2]]
        borders = [(0, side - own) for side, own in zip(sides, pixels.shape[:2], strict=True)]
        if any(after for _, after in borders):
            pixels = np.pad(pixels, [*borders, (0, 0)], mode="reflect")
        self.pixels = pixels
        window = max(sides) if whole else renderer.window
        height, width = sides
        self.tiles = list(tiles(height, width, window, renderer._margin))
        self._stride = network.stride
        self._rows = coverage(self.height, sides[0], self._stride)
        self._columns = coverage(self.width, sides[1], self._stride)

    def image(self, tile: Tile) -> Tensor:
        """The window (1, 3, h, w) with its noise, as the network is given it."""
        return self._grain.added(to_tensor(self.pixels[tile.window]), tile.rows[0], tile.columns[0])

    def weight(self, tile: Tile) -> Tensor:
        """What of the window counts: of its inner part, what is not padding."""
        rows, columns = self._rows.copy(), self._columns.copy()
        for shares, (first, last) in ((rows, tile.inner_rows), (columns, tile.inner_columns)):
            shares[: first // self._stride] = 0
            shares[-(-last // self._stride) :] = 0
        stride = self._stride
        rows = rows[tile.rows[0] // stride : tile.rows[1] // stride]
        columns = columns[tile.columns[0] // stride : tile.columns[1] // stride]
        return torch.from_numpy(np.outer(rows, columns))[None, None]


def padded_side(network: StyleNetwork, pixels: int) -> int:
    """The length to which a side of `pixels` is padded: the same for all runtimes, tiled or not."""
    step = math.lcm(BUCKET * max(1, -(-pixels // 512)), network.stride)
    return max(network.minimum_side, -(-pixels // step) * step)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of PyTorch, OpenVINO or ONNX Runtime says that memory ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return any(word in text for word in ("out of memory", "bad_alloc", "allocate memory", "alloc_cpu"))
