"""Modules for export: a network with all pre- and postprocessing as one module of tensors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nst_core.networks.base import StyleNetwork
from nst_core.networks.feed_forward import is_feed_forward, open_feed_forward
from nst_core.networks.johnson import JohnsonNetwork
from nst_core.networks.registry import Precision, open_network
from nst_core.stylize.composition import FADE, FADED


class ArbitraryStyle(nn.Module):
    """An arbitrary-style network: a stylised picture, and the statistics of the input picture.

    One graph serves both purposes: the second output for a painting is the style input for a photo.
    """

    inputs = ("image", "style", "alpha")
    outputs = ("output", "statistics")

    def __init__(self, network: StyleNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, style: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) in [0, 1], (B, S), (B, 1) in [0, 1] → (B, 3, H, W) in [0, 1], (B, S)."""
        features = self.network.encode(image)
        content = self.network.statistics(features)
        target = torch.lerp(content, style, alpha)
        painted = self.network.decode(features, content, target).clamp(0, 1)
        # Equal to `nst_core.stylize.composition.output_share`: strength 0 is the picture itself.
        faded = FADED * alpha / FADE
        above = 1.0 - (1.0 - FADED) * (1.0 - alpha) / (1.0 - FADE)
        share = torch.where(alpha < FADE, faded, above)[:, :, None, None]
        return image + (painted - image) * share, content


class TunedStyle(nn.Module):
    """A network that is tuned to one style, with the statistics of this style."""

    inputs = ("image", "alpha")
    outputs = ("output",)

    def __init__(self, network: StyleNetwork, style: Tensor) -> None:
        super().__init__()
        self.painter = ArbitraryStyle(network)
        self.style: Tensor
        self.register_buffer("style", style)

    def forward(self, image: Tensor, alpha: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1], (B, 1) in [0, 1] → (B, 3, H, W) in [0, 1]."""
        out: Tensor = self.painter(image, self.style, alpha)[0]
        return out


class OneStyle(nn.Module):
    """A feed-forward network of one style: a stylised picture."""

    inputs = ("image",)
    outputs = ("output",)

    def __init__(self, network: JohnsonNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] → the same."""
        out: Tensor = self.network(image)
        return out


@dataclass(frozen=True, eq=False)
class Exportable:
    """A module for export and its properties. Sides of pictures are multiples of `stride`."""

    module: ArbitraryStyle | TunedStyle | OneStyle
    architecture: str
    stride: int
    minimum_side: int
    statistics_width: int
    precision: Precision

    @property
    def description(self) -> dict[str, str]:
        """The metadata of an exported file."""
        return {
            "producer": "Atelier",
            "architecture": self.architecture,
            "precision": self.precision,
            "stride": str(self.stride),
            "statistics_width": str(self.statistics_width),
            "inputs": "; ".join(f"{name}: {_INPUTS[name]}" for name in self.module.inputs),
            "outputs": "; ".join(f"{name}: {_OUTPUTS[name]}" for name in self.module.outputs),
        }

    def example(self, cells: int = 16) -> tuple[Tensor, ...]:
        """Example inputs: two pictures, because exporters treat a batch of one as a constant."""
        side = max(cells * self.stride, self.minimum_side)
        image = torch.rand(2, 3, side, side + self.stride, generator=torch.Generator().manual_seed(0))
        style, alpha = torch.ones(2, self.statistics_width), torch.full((2, 1), 0.8)
        return self.chosen(image=image, style=style, alpha=alpha)

    def chosen(self, **values: Any) -> tuple[Any, ...]:
        """Those of the values by name that are inputs of the module, in its order."""
        return tuple(values[name] for name in self.module.inputs)

    def dynamic_shapes(self) -> tuple[dict[int, Any], ...]:
        """Dynamic shapes for `torch.export`: any batch, sides that are multiples of the stride."""
        batch = torch.export.Dim("batch", min=1, max=1024)
        least = max(2, -(-self.minimum_side // self.stride))
        rows = torch.export.Dim("rows", min=least, max=4096)
        columns = torch.export.Dim("columns", min=least, max=4096)
        image = {0: batch, 2: self.stride * rows, 3: self.stride * columns}
        return self.chosen(image=image, style={0: batch}, alpha={0: batch})


_INPUTS = {
    "image": "float32 (B, 3, H, W), RGB in 0..1, sides multiples of stride",
    "style": "float32 (B, S), the statistics output for a painting, or a mean of several",
    "alpha": "float32 (B, 1), strength from 0 (the image itself) to 1",
}
_OUTPUTS = {
    "output": "float32 (B, 3, H, W), RGB in 0..1",
    "statistics": "float32 (B, S), of the image input",
}


def open_exportable(name_or_path: str | Path, precision: Precision = "fp32") -> Exportable:
    """A bundled network or a file of any architecture. Raises `NetworkError` or `CheckpointError`."""
    if is_feed_forward(name_or_path):
        network = open_feed_forward(name_or_path, precision)
        return Exportable(
            OneStyle(network).eval(),
            network.architecture,
            network.stride,
            network.minimum_side,
            0,
            precision,
        )
    styled = open_network(name_or_path, precision)
    module: ArbitraryStyle | TunedStyle = ArbitraryStyle(styled)
    if styled.tuned_style is not None:
        module = TunedStyle(styled, styled.tuned_style)
    return Exportable(
        module.eval(),
        styled.architecture,
        styled.stride,
        styled.minimum_side,
        styled.statistics_width,
        precision,
    )
