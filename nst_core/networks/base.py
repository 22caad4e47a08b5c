"""The interface of all arbitrary-style networks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from nst_core.networks.adain import channel_statistics


class StyleNetwork(nn.Module):
    """An arbitrary-style network: encode, replace the statistics of the features, decode.

    Statistics are (B, S) vectors of means and deviations. AdaIN is affine in them, so blending vectors
    blends styles: the average of two is their mix, and a share of the content's own is alpha.

    Inputs are RGB in [0, 1], (B, 3, H, W); sides are divisible by `stride`, at least `minimum_side`.
    """

    architecture: ClassVar[str]
    stride: ClassVar[int]
    minimum_side: ClassVar[int]
    #: For each level that `encode` returns: the number of its positions along a side of a cell of
    #: `stride` pixels.
    scales: ClassVar[tuple[int, ...]]
    #: Working memory in bytes for each pixel of a picture: the largest value measured with any runtime,
    #: rounded up.
    bytes_per_pixel: ClassVar[int] = 1_100
    #: Deviation of the strongest noise that may be added to its contents, for colours from 0 to 1:
    #: about what its training added; 0 if that added none. Stored in a checkpoint's metadata.
    noise: float = 0.0
    #: Statistics (1, S) of the style that its decoder was tuned to; None for a network of any style.
    tuned_style: Tensor | None = None

    @property
    @abstractmethod
    def settings(self) -> dict[str, object]:
        """Constructor arguments, as stored in a checkpoint's metadata."""

    @property
    @abstractmethod
    def levels(self) -> tuple[int, ...]:
        """Channels of each tensor that `encode` returns."""

    @property
    def decoded_levels(self) -> int:
        """Number of levels, counted from the last, that `decode` reads: all by default."""
        return len(self.levels)

    @property
    @abstractmethod
    def reach(self) -> int:
        """Largest distance in pixels between an output pixel and an input pixel that it depends on.

        Half of the receptive field. The statistics are taken as given, since they depend on every
        pixel.
        """

    @abstractmethod
    def encode(self, x: Tensor) -> tuple[Tensor, ...]:
        """Features: one tensor for each level whose statistics AdaIN or the decoder uses."""

    @abstractmethod
    def decode(self, features: tuple[Tensor, ...], content: Tensor, target: Tensor) -> Tensor:
        """An image, not clamped, of `features` whose statistics `content` are replaced by `target`.

        `features` may be all levels or the last `decoded_levels`.
        """

    @property
    def statistics_width(self) -> int:
        """Length of the statistics vector: a mean and a deviation for each channel of each level."""
        return 2 * sum(self.levels)

    def statistics(self, features: tuple[Tensor, ...], weight: Tensor | None = None) -> Tensor:
        """Per-channel means and deviations of each level, as one (B, S) vector.

        `weight` (B, 1, H / stride, W / stride) is the share of each cell that counts: 0 for padding and
        for cells of a neighbouring tile. All cells count if None.
        """
        parts: list[Tensor] = []
        for level, scale in zip(features, self.scales, strict=True):
            fine = weight
            if weight is not None and scale > 1:
                fine = functional.interpolate(weight, scale_factor=scale)
            parts += channel_statistics(level, fine)
        return torch.cat(parts, dim=1)

    def split(self, statistics: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The mean and the deviation of each level, (B, C, 1, 1), out of one (B, S) vector."""
        sizes = [width for width in self.levels for _ in range(2)]
        parts = [part[:, :, None, None] for part in torch.split(statistics, sizes, dim=1)]
        return list(zip(parts[::2], parts[1::2], strict=True))

    def trained_state_dict(self) -> dict[str, Tensor]:
        """The weights that a checkpoint holds: all but those that are bundled separately."""
        return dict(self.state_dict())

    def load_trained_state_dict(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights of `trained_state_dict`. Raises `RuntimeError` if they do not fit."""
        self.load_state_dict(weights)
