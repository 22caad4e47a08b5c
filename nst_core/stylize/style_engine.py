"""The engine of an arbitrary-style network, and of one that was tuned to a style."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from nst_core.images.color import match_colors
from nst_core.images.picture import Picture, resize_exactly, to_pixels, to_tensor
from nst_core.networks.registry import StyleNetwork, open_network
from nst_core.runtimes.choice import RenderPrecision, choose_runtime
from nst_core.runtimes.runtime import MEMORY_MB, Runtime
from nst_core.stylize.adain_renderer import AdaINRenderer
from nst_core.stylize.batching import Prepared
from nst_core.stylize.engine import Engine
from nst_core.stylize.grain import Grain
from nst_core.stylize.memory_limit import MemoryLimit
from nst_core.stylize.request import MAX_PIXELS, OnNotice, RenderRequest, StylizeError

if TYPE_CHECKING:
    from params.painting import Color


class StyleEngine(Engine):
    """An arbitrary-style network, ready on one device; `fixed_style` if it was tuned to a style.

    `network` is a bundled name, a file, or a module to be run as it is; `runtime` a name or a runtime
    of that network. `memory_mb` is the memory that the network may take beside the picture, or `limit`
    the sizes themselves: larger pictures go through the network in tiles, with the same result. `cache`
    is a folder for compiled graphs. `threads` is the number of OpenVINO's threads (0: it is chosen).
    Raises `NetworkError`, `CheckpointError` or `RuntimeChoiceError`.
    """

    blends_pixels: ClassVar[bool] = False
    default_alpha: ClassVar[float] = 0.8

    def __init__(
        self,
        network: str | Path | StyleNetwork = "slim",
        runtime: str | Runtime = "auto",
        device: str = "auto",
        *,
        precision: RenderPrecision = "fp32",
        memory_mb: int = MEMORY_MB,
        limit: MemoryLimit | None = None,
        max_pixels: int = MAX_PIXELS,
        cache: Path | None = None,
        threads: int = 0,
    ) -> None:
        if not isinstance(network, StyleNetwork):
            network = open_network(network, "int8" if precision == "int8" else "fp32")
        if isinstance(runtime, str):
            runtime = choose_runtime(
                runtime,
                network,
                device,
                half=precision == "fp16",
                memory_mb=memory_mb,
                cache=cache,
                threads=threads,
            )
        super().__init__(network, runtime.name, runtime.device, max_pixels)
        self._style_network = network
        self.fixed_style = network.tuned_style is not None
        self._runtime = runtime
        self._memory_mb = memory_mb
        self._limit = limit

    def renderer(
        self, on_notice: OnNotice | None = None, on_tile: Callable[[], None] | None = None
    ) -> AdaINRenderer:
        """See `Engine`."""
        return AdaINRenderer(
            self._style_network,
            self._runtime,
            limit=self._limit,
            memory_mb=self._memory_mb,
            on_notice=on_notice,
            on_tile=on_tile,
        )

    def style_statistics(
        self, picture: Picture, style_size: int = 384, *, match: Picture | None = None
    ) -> Tensor:
        """The statistics (1, S) of a style whose shorter side is resized to `style_size` pixels.

        A smaller size gives finer strokes. A picture is enlarged at most twofold. `match` is a content
        whose colours the style is given first. Raises `StylizeError`.
        """
        if self.fixed_style:
            raise StylizeError("The network is tuned to one style and takes no other.")
        if not 16 <= style_size <= 4_096:
            raise StylizeError(f"The style size goes from 16 to 4096 pixels; got {style_size}.")
        resized = _resized_style(picture, style_size)
        if match is not None:
            resized = match_colors(resized, match)
        return self.renderer().statistics(resized.pixels)

    def _check(self, request: RenderRequest) -> None:
        if not self.fixed_style:
            if request.style is None:
                raise StylizeError("The network takes any style: give one.")
            return
        if request.style is not None or any(one.style is not None for one in request.regions):
            raise StylizeError("The network is tuned to one style and takes no other.")

    def prepared(self, request: RenderRequest) -> Prepared:
        """See `Engine`."""
        if self.fixed_style:
            request = replace(request, style=self._style_network.tuned_style)
        return super().prepared(request)

    def corrected(self, output: Tensor, source: Picture, color: Color) -> Tensor:
        """See `Engine`: for "match" and a tuned network, the output in the colours of the source."""
        if not self.fixed_style or color != "match":
            return output
        return to_tensor(match_colors(Picture(to_pixels(output)), source).pixels)

    def grain(self, request: RenderRequest) -> Grain:
        """See `Engine`."""
        return Grain.of(self._style_network, request.settings)


def _resized_style(picture: Picture, style_size: int) -> Picture:
    scale = min(2.0, style_size / min(picture.width, picture.height))
    # A long, narrow picture is reduced to the pixels of a picture four times as long as it is wide.
    pixels = picture.width * picture.height * scale**2
    scale *= min(1.0, 2 * style_size / pixels**0.5)
    return resize_exactly(
        picture, max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    )


def mix(styles: Sequence[Tensor], weights: Sequence[float] | None = None) -> Tensor:
    """One style of several: the weighted mean of their statistics (1, S); equal weights if None.

    Raises `StylizeError` for a wrong number of weights, negative ones, or a sum of 0.
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
