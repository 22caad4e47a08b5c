"""Runtimes: the interfaces of what executes a network."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

#: Feature maps (B, C, h, w) of the levels that the decoder reads, on the runtime's own device.
Features = tuple[Tensor, ...]


class Runtime(Protocol):
    """Executes an arbitrary-style network, in two halves.

    Images are (B, 3, H, W) in [0, 1] with sides that the network accepts, statistics (B, S). Images and
    statistics are on the CPU. A picture is encoded once and decoded once for each style and strength.
    Safe to share between threads.
    """

    name: str
    device: str

    def encode(self, image: Tensor, weight: Tensor | None = None) -> tuple[Features, Tensor]:
        """The features and the statistics (B, S) of images.

        `weight` (B, 1, H / stride, W / stride) is the share of each cell that counts for the
        statistics; all of it if None.
        """
        ...

    def decode(self, features: Features, content: Tensor, target: Tensor) -> Tensor:
        """Images (B, 3, H, W), not clamped: the statistics `content` are replaced by `target`."""
        ...


class FeedForwardRuntime(Protocol):
    """Executes a network of one style. Safe to share between threads."""

    name: str
    device: str

    def run(self, image: Tensor) -> Tensor:
        """(1, 3, H, W) in [0, 1], of any size, on the CPU → the same shape, not clamped."""
        ...
