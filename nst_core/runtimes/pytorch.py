"""The PyTorch runtimes, the reference for all others: on "cpu" or "cuda", in channels-last order."""

from __future__ import annotations

import torch
from torch import Tensor

from nst_core.networks.base import StyleNetwork
from nst_core.networks.johnson import JohnsonNetwork
from nst_core.runtimes.runtime import Features


class TorchRuntime:
    """Runs an arbitrary-style network; moves the network to `device`. See `Runtime`."""

    name = "torch"

    def __init__(self, network: StyleNetwork, device: str = "cpu") -> None:
        self.device = device
        self._network = network.eval().to(device)
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def encode(self, image: Tensor, weight: Tensor | None = None) -> tuple[Features, Tensor]:
        """See `Runtime`."""
        image = image.to(device=self.device, memory_format=torch.channels_last)
        features = self._network.encode(image)
        on_device = None if weight is None else weight.to(self.device)
        statistics = self._network.statistics(features, on_device)
        return features[-self._network.decoded_levels :], statistics.cpu()

    @torch.inference_mode()
    def decode(self, features: Features, content: Tensor, target: Tensor) -> Tensor:
        """See `Runtime`."""
        return self._network.decode(features, content.to(self.device), target.to(self.device)).cpu()

    @torch.inference_mode()
    def render(
        self, image: Tensor, style: Tensor, alpha: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """See `Runtime`."""
        features, content = self.encode(image, weight)
        return self.decode(features, content, torch.lerp(content, style, alpha))

    @torch.inference_mode()
    def render_tile(self, image: Tensor, content: Tensor, target: Tensor) -> Tensor:
        """See `Runtime`."""
        return self.decode(self.encode(image)[0], content, target)


class TorchFeedForward:
    """Runs a network of one style; moves the network to `device`. See `FeedForwardRuntime`."""

    name = "torch"

    def __init__(self, network: JohnsonNetwork, device: str = "cpu") -> None:
        self.device = device
        self._network = network.eval().to(device)
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def run(self, image: Tensor) -> Tensor:
        """See `FeedForwardRuntime`."""
        image = image.to(device=self.device, memory_format=torch.channels_last)
        out: Tensor = self._network(image).cpu()
        return out
