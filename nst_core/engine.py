"""The engine: a content picture and the statistics of a style become a stylised picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from nst_core.color import luma, with_luma
from nst_core.images import Picture, Pixels, resize_exactly, resize_picture, to_pixels, to_tensor
from nst_core.networks import Precision, StyleNetwork, open_network
from nst_core.rendering import Renderer
from nst_core.runtime import choose_runtime

#: Below this strength the network's output is blended with the source pixels: no network of this kind
#: gives its input back exactly, and strength 0 must. Half-way, because the slim network's own error at
#: reconstruction would otherwise outweigh the style there, and the strength would not rise steadily.
FADE = 0.5
#: Larger results are refused; a picture takes about 40 bytes a pixel beside what the network needs.
MAX_PIXELS = 250_000_000

#: A listener: stage, step, total. Stages are "prepare", "render" and "finish".
OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Target:
    """What the network is to make of a content: the statistics (1, S) of a style, and the strength."""

    style: Tensor
    alpha: float


class StylizeError(ValueError):
    """A picture can't be stylised as asked."""


class StyleEngine:
    """One network, ready on one device. The same inputs give the same bytes on the same runtime.

    `network` is a bundled name, a file, or a module as it is to be run. `memory_mb` is what the network
    may take beside the picture: larger pictures go through it in tiles, with the same result. `cache`
    is a folder where compiled graphs are kept between processes. Raises `NetworkError`,
    `CheckpointError` or `RuntimeChoiceError`.
    """

    def __init__(
        self,
        network: str | Path | StyleNetwork = "slim",
        runtime: str = "auto",
        device: str = "auto",
        *,
        precision: Precision = "fp32",
        memory_mb: int = 1_500,
        max_pixels: int = MAX_PIXELS,
        cache: Path | None = None,
    ) -> None:
        if not isinstance(network, StyleNetwork):
            network = open_network(network, precision)
        self._network = network
        self.runtime = choose_runtime(runtime, self._network, device, cache=cache)
        self._max_pixels = max_pixels
        self._renderer = Renderer(self._network, self.runtime, memory_mb=memory_mb)

    def style_statistics(self, picture: Picture, style_size: int = 384) -> Tensor:
        """The statistics (1, S) of a style whose shorter side is brought to `style_size` pixels.

        Smaller means finer strokes. A picture is enlarged at most twofold. Raises `StylizeError`.
        """
        if not 16 <= style_size <= 4_096:
            raise StylizeError(f"The style size goes from 16 to 4096 pixels; got {style_size}.")
        scale = min(2.0, style_size / min(picture.width, picture.height))
        # A ribbon is shrunk until it has the pixels of a picture four times as long as it is wide.
        pixels = picture.width * picture.height * scale**2
        scale *= min(1.0, 2 * style_size / pixels**0.5)
        resized = resize_exactly(
            picture, max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        )
        return self._renderer.statistics(resized.pixels)

    def stylize(
        self,
        content: Picture,
        style: Tensor,
        *,
        alpha: float = 0.8,
        size: int | None = None,
        preserve_color: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Picture:
        """`content` in `style` (statistics of `style_statistics` or `mix`).

        `alpha` goes from 0, the source pixels themselves, to 1; `size` is the longer side of the result
        in pixels, the content's own if None. `preserve_color` takes only the light from the network and
        the hues from the content. Transparency is the content's. Raises `StylizeError`.
        """
        tell = on_progress or _ignore
        if not 0 <= alpha <= 1:
            raise StylizeError(f"The strength alpha goes from 0 to 1; got {alpha}.")
        self._check_size(content, size)
        tell("prepare", 0, 1)
        source = content if size is None else resize_picture(content, size)
        tell("prepare", 1, 1)
        if alpha == 0:
            return source
        tell("render", 0, 1)
        image = to_tensor(source.pixels)
        (output,) = self._renderer.outputs(source.pixels, [Target(style, alpha)])
        tell("render", 1, 1)
        tell("finish", 0, 1)
        pixels = _finish(image, output, alpha, preserve_color)
        tell("finish", 1, 1)
        return Picture(pixels, source.alpha, source.format)

    def _check_size(self, content: Picture, size: int | None) -> None:
        if size is not None and size < 1:
            raise StylizeError(f"The size is at least 1 pixel; got {size}.")
        scale = 1.0 if size is None else size / max(content.width, content.height)
        if content.width * content.height * scale**2 > self._max_pixels:
            width, height = round(content.width * scale), round(content.height * scale)
            fits = int((self._max_pixels / (content.width * content.height)) ** 0.5 * _long(content))
            raise StylizeError(
                f"{width}×{height} pixels are more than fit in memory. Ask for a size of up to {fits}."
            )


def _ignore(stage: str, step: int, total: int) -> None:
    """Nobody listens."""


def _long(picture: Picture) -> int:
    return max(picture.width, picture.height)


def _finish(source: Tensor, output: Tensor, alpha: float, preserve_color: bool) -> Pixels:
    """Blend with the source where alpha is low, restore its colours if asked, round to 8 bits."""
    if not bool(torch.isfinite(output).all()):
        raise StylizeError("The network gave values that are no numbers. Its weights are damaged.")
    output = output.clamp(0, 1)
    if preserve_color:
        output = with_luma(source, luma(output))
    if alpha < FADE:
        output = torch.lerp(source, output, alpha / FADE)
    return to_pixels(output)


def mix(styles: Sequence[Tensor], weights: Sequence[float] | None = None) -> Tensor:
    """One style of several: the weighted mean of their statistics; equal weights if None.

    Raises `StylizeError` for other numbers of weights, negative ones, or a sum of 0.
    """
    shares = [1.0] * len(styles) if weights is None else [float(weight) for weight in weights]
    if not styles or len(shares) != len(styles):
        raise StylizeError(f"Give one weight for each style; got {len(shares)} for {len(styles)}.")
    total = sum(shares)
    if min(shares) < 0 or not 0 < total < float("inf"):
        raise StylizeError(f"Weights are not negative and not all zero; got {shares}.")
    mean = torch.zeros_like(styles[0])
    for style, share in zip(styles, shares, strict=True):
        mean += style * (share / total)
    return mean
