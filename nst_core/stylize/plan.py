"""Compiles a request into distinct network passes (style, alpha) and a stack of layers per output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from nst_core.images.picture import Pixels
from nst_core.stylize.composition import Layer, output_share
from nst_core.stylize.request import RenderRequest


@dataclass(frozen=True, eq=False)
class Target:
    """One network pass: the statistics (1, S) of a style and the strength alpha in the network.

    The style is None for a network that holds its style.
    """

    style: Tensor | None
    alpha: float


@dataclass(frozen=True, eq=False)
class _LayerPlan:
    """A layer before rendering: the index of its target (None for the source), share and mask."""

    target: int | None
    share: float
    mask: Pixels | None


class Plan:
    """Targets and layers of a request over a source of one size.

    `targets` holds each distinct network pass once, in the order of first use. With `fixed_style` (a
    network of one style) the strength is only a blend of pixels, so all strengths share one pass.
    """

    def __init__(
        self, request: RenderRequest, width: int, height: int, *, fixed_style: bool = False
    ) -> None:
        self.targets: list[Target] = []
        self._fixed_style = fixed_style
        masks = [region.at(width, height) for region in request.regions]
        self._pictures = []
        for alpha in request.alphas:
            layers = [self._layer(request.style, alpha, None)]
            for region, mask in zip(request.regions, masks, strict=True):
                style = request.style if region.style is None else region.style
                strength = alpha if region.alpha is None else region.alpha
                layers.append(self._layer(style, strength, mask))
            self._pictures.append(layers)

    def pictures(self, outputs: Iterator[Tensor]) -> Iterator[list[Layer]]:
        """The layers of each picture, from the network's `outputs`, one for each of `targets`.

        An output is requested when the first picture needs it and dropped after the last one, so that a
        long strip does not hold all outputs in memory.
        """
        last = {layer.target: number for number, plan in enumerate(self._pictures) for layer in plan}
        held: dict[int | None, Tensor | None] = {None: None}
        arrived = 0
        for number, plan in enumerate(self._pictures):
            for layer in plan:
                if layer.target is not None and layer.target >= arrived:
                    held[arrived] = next(outputs)
                    arrived += 1
            yield [Layer(held[layer.target], layer.share, layer.mask) for layer in plan]
            for target in [target for target in held if target is not None and last[target] == number]:
                del held[target]

    def _layer(self, style: Tensor | None, alpha: float, mask: Pixels | None) -> _LayerPlan:
        if alpha == 0:
            return _LayerPlan(None, 0.0, mask)
        share = alpha if self._fixed_style else output_share(alpha)
        if self._fixed_style:
            style, alpha = None, 1.0
        for index, target in enumerate(self.targets):
            if target.style is style and target.alpha == alpha:
                return _LayerPlan(index, share, mask)
        self.targets.append(Target(style, alpha))
        return _LayerPlan(len(self.targets) - 1, share, mask)
