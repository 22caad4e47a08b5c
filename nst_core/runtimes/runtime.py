"""Runtimes: the interfaces of what executes a network."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

#: Feature maps (B, C, h, w) of the levels that the decoder reads, on the runtime's own device.
Features = tuple[Tensor, ...]
#: Memory in MB that a network may take beside its picture, unless a caller says otherwise.
MEMORY_MB = 1_500


class Runtime(Protocol):
    """Executes an arbitrary-style network, whole or in two halves.

    Images are (B, 3, H, W) in [0, 1] with sides that the network accepts, statistics (B, S), strengths
    `alpha` (B, 1); outputs are not clamped. All tensors but features are on the CPU. A picture for
    several styles or strengths is encoded once and decoded for each of them; for a single one, the
    whole network in one graph is faster. `weight` (B, 1, H / stride, W / stride) is the share of each
    cell that counts for the statistics; all of it if None. Safe to share between threads.
    """

    name: str
    device: str

    def encode(self, image: Tensor, weight: Tensor | None = None) -> tuple[Features, Tensor]:
        """The features and the statistics (B, S) of images."""
        ...

    def decode(self, features: Features, content: Tensor, target: Tensor) -> Tensor:
        """Images of features whose statistics `content` are replaced by `target`."""
        ...

    def render(
        self, image: Tensor, style: Tensor, alpha: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """Images whose statistics are moved by the share `alpha` towards `style`."""
        ...

    def render_tile(self, image: Tensor, content: Tensor, target: Tensor) -> Tensor:
        """Parts of images: `encode` and `decode` with statistics of the whole image."""
        ...


class FeedForwardRuntime(Protocol):
    """Executes a network of one style. Safe to share between threads."""

    name: str
    device: str

    def run(self, image: Tensor) -> Tensor:
        """(1, 3, H, W) in [0, 1], of any size, on the CPU → the same shape, not clamped."""
        ...
