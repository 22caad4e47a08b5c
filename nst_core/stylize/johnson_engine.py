"""The engine for a network of one style: a content picture becomes a stylised one in a single pass."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nst_core.images.color import match_colors
from nst_core.images.picture import Picture, Pixels, resize_picture, to_pixels, to_tensor
from nst_core.networks.feed_forward import ARCHITECTURES
from nst_core.networks.files import CheckpointError, load_weights, read_metadata
from nst_core.networks.frozen_norm import FrozenJohnson
from nst_core.networks.johnson import STRIDE, JohnsonNetwork, inner_side
from nst_core.runtimes.runtime import RuntimeChoiceError, choose_device
from nst_core.stylize.composition import COLORS, Color, Layer, compose
from nst_core.stylize.engine import MAX_PIXELS, OnProgress, StylizeError
from nst_core.stylize.renderer import OnNotice, is_out_of_memory
from nst_core.stylize.tiling import Tile, tiles

#: Working memory for each pixel of a picture, in bytes: measured, rounded up.
BYTES_PER_PIXEL = 1_200
#: How far away an input pixel can be that an output pixel depends on, given the statistics: 4 for the
#: head and the first convolution each, 1 and 2 down, ten times 4 at a quarter of the size, 4 and 2 up;
#: upsampling reaches the rest of a cell.
REACH = 64
#: The smallest window that makes sense.
_LEAST_WINDOW = 4 * REACH
#: Side of the windows that statistics are taken from, and what does not count at their cut edges. What
#: is missing there is mirrored, which changes statistics far less than pixels.
_SAMPLE, _SAMPLE_MARGIN = 256, 16
#: Windows at least, however little memory there is.
_FEWEST = 4


class JohnsonEngine:
    """One network of one style, from the file `path`, ready on one device.

    `memory_mb` is what the network may take beside the picture: larger pictures are painted in tiles,
    with statistics taken from an even sample of windows. `runtime` is "auto", "torch" or "openvino".
    Raises `CheckpointError` or `RuntimeChoiceError`.
    """

    def __init__(
        self,
        path: str | Path,
        runtime: str = "auto",
        device: str = "auto",
        *,
        memory_mb: int = 1_500,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.metadata = read_metadata(path)
        self.device = choose_device(device)
        kind = ARCHITECTURES.get(self.metadata["architecture"], JohnsonNetwork)
        self._network = _filled(kind(), path)
        self.runtime = _chosen(runtime, self.device)
        self._run = _runner(self._network, self.runtime, self.device)
        self._max_pixels = max_pixels
        self._whole = max(memory_mb * 1_000_000 // BYTES_PER_PIXEL, _LEAST_WINDOW**2)

    def stylize(
        self,
        content: Picture,
        *,
        alpha: float = 1.0,
        size: int | None = None,
        color: Color = "style",
        on_progress: OnProgress = lambda stage, step, total: None,
        on_notice: OnNotice = lambda notice: None,
    ) -> Picture:
        """`content` in the network's style, its longer side `size` pixels (its own if None).

        `alpha` goes from 0, the source pixels themselves, to 1 and blends pixels. `color` "luminance"
        keeps the content's hues, "match" gives the result the content's colours. Transparency is the
        content's. Raises `StylizeError`, or `MemoryError` if not even a small tile fits.
        """
        self._check(content, size, alpha, color)
        on_progress("prepare", 0, 1)
        source = content if size is None else resize_picture(content, size)
        on_progress("prepare", 1, 1)
        if alpha == 0:
            return source
        output = self._output(source.pixels, on_progress, on_notice)
        on_progress("finish", 0, 1)
        if color == "match":
            output = to_tensor(match_colors(Picture(to_pixels(output)), source).pixels)
        layer = "luminance" if color == "luminance" else "style"
        painted = compose(source.pixels, [Layer(output, 1.0)], layer)  # type: ignore[arg-type]
        pixels = painted if alpha == 1 else _blended(source.pixels, painted, alpha)
        on_progress("finish", 1, 1)
        return Picture(pixels, source.alpha, source.format)

    def _check(self, content: Picture, size: int | None, alpha: float, color: str) -> None:
        if not 0 <= alpha <= 1:
            raise StylizeError(f"The strength alpha goes from 0 to 1; got {alpha}.")
        if color not in COLORS:
            raise StylizeError(f"There is no color {color!r}; there are {', '.join(COLORS)}.")
        if size is not None and size < 1:
            raise StylizeError(f"The size is at least 1 pixel; got {size}.")
        scale = 1.0 if size is None else size / max(content.width, content.height)
        if content.width * content.height * scale**2 > self._max_pixels:
            fits = int((self._max_pixels / (content.width * content.height)) ** 0.5
                       * max(content.width, content.height))  # fmt: skip
            raise StylizeError(f"That is more than fits in memory. Ask for a size of up to {fits}.")

    def _output(self, pixels: Pixels, on_progress: OnProgress, on_notice: OnNotice) -> Tensor:
        """The network's output (1, 3, H, W), in smaller tiles as long as memory runs out."""
        while True:
            try:
                if pixels.shape[0] * pixels.shape[1] <= self._whole:
                    on_progress("render", 0, 1)
                    output = self._run(to_tensor(pixels))
                    on_progress("render", 1, 1)
                    return output
                return self._tiled(pixels, on_progress, on_notice)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                if self._whole <= _LEAST_WINDOW**2:
                    raise MemoryError(
                        "There is not enough memory for even the smallest tile."
                    ) from error
                smaller = min(self._whole, pixels.shape[0] * pixels.shape[1]) // 4
                self._whole = max(smaller, _LEAST_WINDOW**2)
            on_notice("Memory ran out; the picture is painted in smaller tiles.")

    def _tiled(self, pixels: Pixels, on_progress: OnProgress, on_notice: OnNotice) -> Tensor:
        height, width = pixels.shape[:2]
        border = [(0, inner_side(side) - side) for side in (height, width)]
        padded = (
            np.pad(pixels, [*border, (0, 0)], mode="reflect") if any(b for _, b in border) else pixels
        )
        window = max(_LEAST_WINDOW, int(self._whole**0.5) // (4 * STRIDE) * (4 * STRIDE))
        cut = list(tiles(padded.shape[0], padded.shape[1], window, REACH))
        frozen = FrozenJohnson(self._network)
        frozen.network.to(self.device)
        share = self._measure(frozen, padded)
        if share < 1:
            on_notice(
                f"The picture is painted in {len(cut)} tiles; its statistics are those of an even "
                f"sample of {share:.0%} of it."
            )
        whole = torch.empty(1, 3, *padded.shape[:2])
        for number, tile in enumerate(cut):
            on_progress("render", number, len(cut))
            output = frozen.paint(to_tensor(padded[tile.window]).to(self.device)).cpu()
            rows, columns = tile.kept
            whole[:, :, tile.inner[0], tile.inner[1]] = output[:, :, rows, columns]
        on_progress("render", len(cut), len(cut))
        return whole[:, :, :height, :width]

    def _measure(self, frozen: FrozenJohnson, padded: Pixels) -> float:
        """Take the statistics from as many windows as memory allows; the share of the picture seen."""
        cut = list(tiles(padded.shape[0], padded.shape[1], _SAMPLE, _SAMPLE_MARGIN))
        held = min(len(cut), max(_FEWEST, self._whole // _SAMPLE**2))
        chosen = [cut[int((place + 0.5) * len(cut) / held)] for place in range(held)]
        windows = torch.cat([to_tensor(padded[tile.window]) for tile in chosen])
        weight = torch.cat([_weight(tile) for tile in chosen])
        frozen.measure(windows.to(self.device), weight.to(self.device))
        return float(weight.sum()) / padded[:, :, 0].size


def _filled(network: JohnsonNetwork, path: str | Path) -> JohnsonNetwork:
    weights = load_weights(path, network.architecture)
    try:
        network.load_trained_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise CheckpointError(f"{path} does not fit {network.architecture}: {reason}") from error
    return network.eval()


def _weight(tile: Tile) -> Tensor:
    """1 for the inner part of a window, 0 for the rest, (1, 1, H, W)."""
    weight = torch.zeros(1, 1, tile.rows[1] - tile.rows[0], tile.columns[1] - tile.columns[0])
    weight[:, :, tile.kept[0], tile.kept[1]] = 1
    return weight


def _blended(source: Pixels, painted: Pixels, alpha: float) -> Pixels:
    return to_pixels(torch.lerp(to_tensor(source), to_tensor(painted), alpha))


def _chosen(runtime: str, device: str) -> str:
    if runtime not in ("auto", "torch", "openvino"):
        raise RuntimeChoiceError(f"A network of one style runs on torch or openvino, not {runtime!r}.")
    if runtime == "openvino" and (find_spec("openvino") is None or device != "cpu"):
        raise RuntimeChoiceError("openvino is not installed or the device is no CPU; use torch.")
    if runtime == "auto":
        return "openvino" if find_spec("openvino") is not None and device == "cpu" else "torch"
    return runtime


def _runner(network: JohnsonNetwork, runtime: str, device: str) -> Callable[[Tensor], Tensor]:
    if runtime == "openvino":
        from nst_core.runtimes.johnson_openvino import JohnsonOpenVino

        return JohnsonOpenVino(network)
    moved = network.to(device)
    moved.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def run(image: Tensor) -> Tensor:
        out: Tensor = moved(image.to(device=device, memory_format=torch.channels_last)).cpu()
        return out

    return run
