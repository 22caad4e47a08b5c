"""VGG-16 and VGG-19 features by layer name (Simonyan & Zisserman, 2015).

Weights come from three places: bundled with this package (VGG-16 up to relu4_3, half precision), a
safetensors or torch file in torchvision's key layout, or torchvision's own download. Input
normalisation happens inside: every network here takes RGB in [0, 1].
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn import functional

from nst_core.errors import NstError
from nst_core.networks.padding import reflection_padded

BUNDLED_VGG16 = Path(__file__).parents[1] / "weights" / "vgg16_relu4_3.safetensors"

#: Convolutions in each block; a max-pool follows every block.
BLOCKS = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
CHANNELS = (64, 128, 256, 512, 512)
_LAYER = re.compile(r"relu([1-5])_([1-4])")


@dataclass(frozen=True, kw_only=True)
class Normalization:
    """`(x - mean) / std` per channel, for RGB in [0, 1]."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


#: Weights that torchvision trained (IMAGENET1K_V1).
TORCHVISION = Normalization(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
#: Oxford's own weights, Caffe's convention: mean subtracted, range 0–255 (IMAGENET1K_FEATURES).
OXFORD = Normalization(mean=(0.48501961, 0.45795686, 0.40760392), std=(1 / 255,) * 3)


class VggError(NstError):
    """VGG weights were not found or do not hold the requested layers."""


def layer_plan(depth: int) -> list[tuple[str, int, int, int]]:
    """`(name, torchvision index, input channels, output channels)` of each convolution, in order."""
    plan, index, inputs = [], 0, 3
    for block, (count, outputs) in enumerate(zip(BLOCKS[depth], CHANNELS, strict=True), start=1):
        for number in range(1, count + 1):
            plan.append((f"relu{block}_{number}", index, inputs, outputs))
            inputs = outputs
            index += 2
        index += 1  # the max-pool
    return plan


class VggFeatures(nn.Module):
    """The feature maps of the layers named in `layers`, such as `relu4_1`.

    Frozen. `reflect` pads with reflection instead of zeros: no dark frame, a little slower.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        layers: Iterable[str],
        *,
        depth: int = 16,
        normalization: Normalization = OXFORD,
        reflect: bool = False,
    ) -> None:
        super().__init__()
        self.layers = tuple(layers)
        self.depth = depth
        self.reflect = reflect
        self._blocks = _first_layers(depth, self.layers)
        self.convolutions = nn.ModuleDict()
        for name, index, inputs, outputs in self._blocks:
            try:
                weight, bias = weights[f"features.{index}.weight"], weights[f"features.{index}.bias"]
            except KeyError:
                raise VggError(f"These VGG-{depth} weights end before layer {name}.") from None
            convolution = nn.Conv2d(inputs, outputs, 3, padding=0 if reflect else 1)
            convolution.weight = nn.Parameter(weight.float(), requires_grad=False)
            convolution.bias = nn.Parameter(bias.float(), requires_grad=False)
            self.convolutions[name] = convolution
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(normalization.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(normalization.std).view(1, 3, 1, 1))
        self.eval()

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """RGB in [0, 1], (B, 3, H, W) → features by layer name, post-ReLU."""
        x = (x - self.mean) / self.std
        out: dict[str, Tensor] = {}
        block = "1"
        for name, convolution in self.convolutions.items():
            if name[4] != block:
                block = name[4]
                x = functional.max_pool2d(x, 2)
            if self.reflect:
                x = reflection_padded(x)
            x = functional.relu(convolution(x), inplace=True)
            if name in self.layers:
                out[name] = x
        return out


def _first_layers(depth: int, layers: tuple[str, ...]) -> list[tuple[str, int, int, int]]:
    """The convolutions up to the last requested layer."""
    plan = layer_plan(depth)
    names = [name for name, *_ in plan]
    for layer in layers:
        if not _LAYER.fullmatch(layer) or layer not in names:
            raise VggError(f"VGG-{depth} has no layer {layer!r}; its layers are {', '.join(names)}.")
    return plan[: max(names.index(layer) for layer in layers) + 1]


def load_vgg(
    layers: Iterable[str],
    *,
    depth: int = 16,
    source: str | Path | None = None,
    reflect: bool = False,
) -> VggFeatures:
    """Features of VGG-`depth`.

    `source` is a file in torchvision's layout, `"torchvision"` to download its weights, or None: the
    bundled file if it holds the requested layers, otherwise torchvision. The metadata `normalization:
    oxford` of a safetensors file selects the input normalisation of Oxford's weights. Raises
    `VggError`.
    """
    layers = tuple(layers)
    if source is None:
        deepest = _first_layers(depth, layers)[-1][0]
        bundled = depth == 16 and deepest <= "relu4_3" and BUNDLED_VGG16.exists()
        source = BUNDLED_VGG16 if bundled else "torchvision"
    if source == "torchvision":
        weights, normalization = _download(depth), TORCHVISION
    else:
        weights, normalization = _read(Path(source))
    return VggFeatures(weights, layers, depth=depth, normalization=normalization, reflect=reflect)


def _read(path: Path) -> tuple[dict[str, Tensor], Normalization]:
    """Weights of a file, and the normalisation that its metadata names (torchvision's by default)."""
    if not path.is_file():
        raise VggError(f"There is no VGG weights file at {path}.")
    if path.suffix == ".safetensors":
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    else:
        metadata, weights = {}, torch.load(path, map_location="cpu", weights_only=True)
    if "features.0.weight" not in weights:
        raise VggError(f"{path} has no key features.0.weight: not VGG in torchvision's key layout.")
    return weights, OXFORD if metadata.get("normalization") == "oxford" else TORCHVISION


def _download(depth: int) -> dict[str, Tensor]:
    from nst_core.networks.torchvision_ops import declare_missing_ops

    declare_missing_ops()
    from torchvision import models

    try:
        if depth == 16:
            network = models.vgg16(weights=models.VGG16_Weights.IMAGENET1K_V1)
        else:
            network = models.vgg19(weights=models.VGG19_Weights.IMAGENET1K_V1)
    except OSError as error:
        raise VggError(
            f"VGG-{depth} could not be downloaded ({error}). Give its weights as a file instead."
        ) from error
    return dict(network.state_dict())
