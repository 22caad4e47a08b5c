"""What a request comes down to: targets to be painted, and the layers of each picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from nst_core.images.picture import Pixels
from nst_core.stylize.composition import Layer
from nst_core.stylize.regions import Region


@dataclass(frozen=True, eq=False)
class Target:
    """What the network is to make of a content: the statistics (1, S) of a style, and the strength."""

    style: Tensor
    alpha: float


@dataclass(frozen=True, eq=False)
class _Part:
    """A layer before it is painted: the index of its target, or None for the source itself."""

    target: int | None
    alpha: float
    mask: Pixels | None


class Plan:
    """A strip of pictures over a source of one size, each a stack of layers.

    `targets` holds what has to be painted, each once, in the order of its first use.
    """

    def __init__(
        self, style: Tensor, alphas: Sequence[float], regions: Sequence[Region], width: int, height: int
    ) -> None:
        self.targets: list[Target] = []
        masks = [region.at(width, height) for region in regions]
        self._pictures = []
        for alpha in alphas:
            parts = [self._part(style, alpha, None)]
            for region, mask in zip(regions, masks, strict=True):
                own_style = style if region.style is None else region.style
                parts.append(
                    self._part(own_style, alpha if region.alpha is None else region.alpha, mask)
                )
            self._pictures.append(parts)

    def pictures(self, outputs: Iterator[Tensor]) -> Iterator[list[Layer]]:
        """The layers of each picture, from the network's `outputs`, one for each of `targets`.

        An output is asked for when the first picture needs it and dropped after the last.
        """
        last = {part.target: number for number, parts in enumerate(self._pictures) for part in parts}
        kept: dict[int | None, Tensor | None] = {None: None}
        arrived = 0
        for number, parts in enumerate(self._pictures):
            for part in parts:
                if part.target is not None and part.target >= arrived:
                    kept[arrived] = next(outputs)
                    arrived += 1
            yield [Layer(kept[part.target], part.alpha, part.mask) for part in parts]
            for target in [target for target in kept if target is not None and last[target] == number]:
                del kept[target]

    def _part(self, style: Tensor, alpha: float, mask: Pixels | None) -> _Part:
        if alpha == 0:
            return _Part(None, alpha, mask)
        for index, target in enumerate(self.targets):
            if target.style is style and target.alpha == alpha:
                return _Part(index, alpha, mask)
        self.targets.append(Target(style, alpha))
        return _Part(len(self.targets) - 1, alpha, mask)
