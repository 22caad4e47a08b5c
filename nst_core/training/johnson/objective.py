"""What a training of one style minimises, and the yardsticks that its weights are found with."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nst_core.losses.losses import total_variation
from nst_core.losses.perceptual import LossNetwork, content_distance, style_distance
from nst_core.training.health import Look, Yardsticks
from nst_core.training.johnson.config import JohnsonTrainConfig

#: At this many times the ratio of the yardsticks the weighted losses come out about equal: 1.03 and
#: 0.83 after 120 warm steps in the style "tesserae" of the gallery.
_BALANCE = 3.0
#: Batches that the yardsticks are taken from.
CALIBRATION_BATCHES = 4


@dataclass(frozen=True)
class Losses:
    """Of one step: what is minimised, its weighted parts, and the losses before weighting."""

    total: Tensor
    weighted: dict[str, Tensor]
    content: Tensor
    style: Tensor


class Objective:
    """The losses of one style, given as (1, 3, H, W) in [0, 1].

    Relative to what they are measured against unless the configuration names a style weight.
    """

    def __init__(self, config: JohnsonTrainConfig, judge: LossNetwork, style: Tensor) -> None:
        self._config = config
        self._judge = judge
        self.relative = config.style_weight is None
        self.grams = judge.grams(style, config.style_layers)
        self._saturation = float(saturation(style))

    def __call__(self, output: Tensor, content: Tensor, style_weight: float) -> Losses:
        """Of `output` for `content`, both (B, 3, S, S)."""
        seen = self._judge(output)
        held = content_distance(
            seen[self._config.content_layer], self._judge.content(content), relative=self.relative
        )
        painted = style_distance(seen, self.grams, relative=self.relative)
        # The recipe sums over a picture; TV is tiny beside the others, as it was meant.
        varied = total_variation(output.float()) * output[0].numel()
        weighted = {
            "content": self._config.content_weight * held,
            "style": style_weight * painted,
            "tv": self._config.tv_weight * varied,
        }
        return Losses(weighted["content"] + weighted["style"] + weighted["tv"], weighted, held, painted)

    @torch.no_grad()
    def yardsticks(self, batches: list[Tensor]) -> Yardsticks:
        """From batches of photos (B, 3, S, S): how far they are from each other and from the style."""
        unlike, unstyled = [], []
        everything = torch.cat(batches)
        for batch in batches:
            seen = self._judge(batch)
            unstyled.append(style_distance(seen, self.grams, relative=self.relative))
            others = everything.roll(1, 0)[: len(batch)] if len(everything) > 1 else batch.flip(3)
            here = seen[self._config.content_layer]
            unlike.append(content_distance(self._judge.content(others), here, relative=self.relative))
        return Yardsticks(
            unlike=float(torch.stack(unlike).mean()),
            # Busy photos can be further from a style than a blank sheet is; nothing is as far as that.
            unstyled=min(float(torch.stack(unstyled).mean()), float(self._blank())),
            saturation=self._saturation,
        )

    def _blank(self) -> Tensor:
        """The style loss of a picture without features."""
        terms = [target.square().mean() for target in self.grams.values()]
        return torch.ones(()) if self.relative else torch.stack(terms).sum()

    def balanced(self, yardsticks: Yardsticks) -> float:
        """The style weight that `strength` means for this style and these photos."""
        config = self._config
        ratio = max(yardsticks.unlike, 1e-6) / max(yardsticks.unstyled, 1e-6)
        return config.strength * _BALANCE * max(config.content_weight, 1e-6) * ratio


def saturation(image: Tensor) -> Tensor:
    """The share of values of (B, 3, H, W) in [0, 1] that are at either end."""
    return ((image < 0.02) | (image > 0.98)).float().mean()


def contrast(image: Tensor) -> Tensor:
    """The mean deviation of the pixels of each picture and channel of (B, 3, H, W)."""
    return image.float().std((2, 3)).mean()


def seen(losses: Losses, output: Tensor) -> tuple[Look, dict[str, float]]:
    """What a watch looks at, and the weighted losses with their "total", as numbers."""
    parts = [losses.content, losses.style, losses.total, contrast(output), saturation(output)]
    parts += losses.weighted.values()
    # In one transfer, since each would wait for a GPU.
    values = torch.stack([part.detach().float() for part in parts]).tolist()
    names = ("content", "style", "total", "contrast", "saturation")
    look = Look(**dict(zip(names, values, strict=False)))
    weighted = dict(zip(losses.weighted, values[len(names) :], strict=True))
    return look, weighted | {"total": look.total}
