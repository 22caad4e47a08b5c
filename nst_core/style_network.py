"""What every arbitrary-style network can do."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn


class StyleNetwork(nn.Module):
    """Encode, give the features other statistics, decode.

    Statistics are (B, S) vectors of means and deviations. AdaIN is affine in them, so blending vectors
    blends styles: the average of two is their mix, and a share of the content's own is alpha.

    Inputs are RGB in [0, 1], (B, 3, H, W); sides are divisible by `stride`, at least `minimum_side`.
    """

    architecture: ClassVar[str]
    stride: ClassVar[int]
    minimum_side: ClassVar[int]

    @property
    @abstractmethod
    def settings(self) -> dict[str, object]:
        """Constructor arguments, as stored in a checkpoint's metadata."""

    @abstractmethod
    def encode(self, x: Tensor) -> tuple[Tensor, ...]:
        """Features, one tensor for each level that AdaIN acts on."""

    @abstractmethod
    def statistics(self, features: tuple[Tensor, ...]) -> Tensor:
        """Per-channel means and deviations of each level, as one (B, S) vector."""

    @abstractmethod
    def decode(self, features: tuple[Tensor, ...], content: Tensor, target: Tensor) -> Tensor:
        """An image, not clamped, of `features` whose statistics `content` are replaced by `target`."""

    def trained_state_dict(self) -> dict[str, Tensor]:
        """The weights that a checkpoint holds: all but those that this package has already."""
        return dict(self.state_dict())

    def load_trained_state_dict(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights of `trained_state_dict`. Raises `RuntimeError` if they do not fit."""
        self.load_state_dict(weights)
