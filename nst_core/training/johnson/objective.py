"""Loss function of a training of one style, and the calibration of its style weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nst_core.losses.losses import total_variation
from nst_core.losses.perceptual import LossNetwork, content_distance, style_distance
from nst_core.training.health import ReferenceLosses, StepMeasurements

if TYPE_CHECKING:
    from params.training import JohnsonTrainConfig

#: Factor on the ratio of the reference losses at which the weighted losses come out about equal: 1.03
#: and 0.83 after 120 warm steps in the style "tesserae" of the gallery.
_BALANCE = 3.0
#: Batches from which the reference losses are measured.
CALIBRATION_BATCHES = 4


@dataclass(frozen=True)
class Losses:
    """Losses of one step: the total to minimise, its weighted terms, and the unweighted losses."""

    total: Tensor
    weighted: dict[str, Tensor]
    content: Tensor
    style: Tensor


class Objective:
    """Perceptual loss for one style picture, given as (1, 3, H, W) in [0, 1].

    Losses are relative to the energy of their targets unless the configuration has a style weight.
    """

    def __init__(self, config: JohnsonTrainConfig, loss_network: LossNetwork, style: Tensor) -> None:
        self._config = config
        self._loss_network = loss_network
        self.relative = config.style_weight is None
        self.grams = loss_network.grams(style, config.style_layers)
        self._saturation = float(saturation(style))

    def __call__(self, output: Tensor, content: Tensor, style_weight: float | Tensor) -> Losses:
        """Losses of `output` for `content`, both (B, 3, S, S)."""
        features = self._loss_network(output)
        content_loss = content_distance(
            features[self._config.content_layer],
            self._loss_network.content(content),
            relative=self.relative,
        )
        style_loss = style_distance(features, self.grams, relative=self.relative)
        # The paper sums the total variation over a picture and gives it a small weight.
        variation = total_variation(output.float()) * output[0].numel()
        weighted = {
            "content": self._config.content_weight * content_loss,
            "style": style_weight * style_loss,
            "tv": self._config.tv_weight * variation,
        }
        total = weighted["content"] + weighted["style"] + weighted["tv"]
        return Losses(total, weighted, content_loss, style_loss)

    @torch.no_grad()
    def reference_losses(self, batches: list[Tensor]) -> ReferenceLosses:
        """Measure the reference losses on batches of photographs (B, 3, S, S)."""
        content_losses, style_losses = [], []
        everything = torch.cat(batches)
        for batch in batches:
            features = self._loss_network(batch)
            style_losses.append(style_distance(features, self.grams, relative=self.relative))
            others = everything.roll(1, 0)[: len(batch)] if len(everything) > 1 else batch.flip(3)
            target = features[self._config.content_layer]
            content_losses.append(
                content_distance(self._loss_network.content(others), target, relative=self.relative)
            )
        return ReferenceLosses(
            content=float(torch.stack(content_losses).mean()),
            # Photographs with much texture can have a larger style loss than an empty picture; the
            # loss of the empty picture is the upper limit.
            style=min(float(torch.stack(style_losses).mean()), float(self._empty_style_loss())),
            saturation=self._saturation,
        )

    def _empty_style_loss(self) -> Tensor:
        """Style loss of a picture without features."""
        terms = [target.square().mean() for target in self.grams.values()]
        return torch.ones(()) if self.relative else torch.stack(terms).sum()

    def balanced_style_weight(self, reference: ReferenceLosses) -> float:
        """Style weight that balances style and content times `strength`, for these pictures."""
        config = self._config
        ratio = max(reference.content, 1e-6) / max(reference.style, 1e-6)
        return config.strength * _BALANCE * max(config.content_weight, 1e-6) * ratio


def saturation(image: Tensor) -> Tensor:
    """Share of values of (B, 3, H, W) in [0, 1] that are near 0 or 1."""
    return ((image < 0.02) | (image > 0.98)).float().mean()


def contrast(image: Tensor) -> Tensor:
    """Mean standard deviation over pictures and channels of (B, 3, H, W)."""
    return image.float().std((2, 3)).mean()


#: Names of the values of `measured`: those of `StepMeasurements`, then the weighted losses.
_MEASURED, _WEIGHTED = (
    ("content", "style", "total", "contrast", "saturation"),
    ("content", "style", "tv"),
)


@torch.no_grad()
def measured(losses: Losses, output: Tensor) -> Tensor:
    """What `as_numbers` needs of one step, in one tensor (8,): each transfer waits for the GPU."""
    parts = [losses.content, losses.style, losses.total, contrast(output), saturation(output)]
    parts += [losses.weighted[name] for name in _WEIGHTED]
    return torch.stack([part.float() for part in parts])


def as_numbers(values: Tensor) -> tuple[StepMeasurements, dict[str, float]]:
    """Measurements for the health monitor, and the weighted losses with their "total", as numbers."""
    numbers = values.tolist()
    step = StepMeasurements(**dict(zip(_MEASURED, numbers, strict=False)))
    weighted = dict(zip(_WEIGHTED, numbers[len(_MEASURED) :], strict=True))
    return step, weighted | {"total": step.total}
