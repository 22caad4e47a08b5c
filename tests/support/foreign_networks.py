"""Networks of others, with random weights, in the layouts that we know how to import."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def their_convolution(name: str, inputs: int, outputs: int, kernel: int) -> dict[str, Tensor]:
    bound = (inputs * kernel**2) ** -0.5
    return {
        f"{name}.weight": torch.empty(outputs, inputs, kernel, kernel).uniform_(-bound, bound),
        f"{name}.bias": torch.zeros(outputs),
    }


def fast_neural_style(*, old: bool = False) -> dict[str, Tensor]:
    """Random weights in the layout of pytorch/examples, as of today or of 2017."""
    weights: dict[str, Tensor] = {}
    layers = [("conv1", 3, 32, 9), ("conv2", 32, 64, 3), ("conv3", 64, 128, 3)]
    layers += [(f"res{n}.conv{k}", 128, 128, 3) for n in range(1, 6) for k in (1, 2)]
    layers += [("deconv1", 128, 64, 3), ("deconv2", 64, 32, 3), ("deconv3", 32, 3, 9)]
    for name, *shape in layers:
        weights |= their_convolution(f"{name}.conv2d", *shape)
    norms = [("in1", 32), ("in2", 64), ("in3", 128), ("in4", 64), ("in5", 32)]
    norms += [(f"res{n}.in{k}", 128) for n in range(1, 6) for k in (1, 2)]
    for name, width in norms:
        weights |= {f"{name}.weight": torch.rand(width) + 0.5, f"{name}.bias": torch.randn(width)}
        if old:
            weights |= {
                f"{name}.running_mean": torch.zeros(width), f"{name}.running_var": torch.ones(width)
            }  # fmt: skip
    return weights


def adain_decoder() -> nn.Sequential:
    def block(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.ReflectionPad2d(1), nn.Conv2d(inputs, outputs, 3), nn.ReLU()]

    up = nn.Upsample(scale_factor=2, mode="nearest")
    layers = [*block(512, 256), up, *block(256, 256), *block(256, 256), *block(256, 256)]
    layers += [*block(256, 128), up, *block(128, 128), *block(128, 64), up, *block(64, 64)]
    return nn.Sequential(*layers, *block(64, 3)[:-1])


def vgg_normalised() -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(3, 3, 1)]
    inputs = 3
    for width, count in ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4)):
        for _ in range(count):
            layers += [nn.ReflectionPad2d(1), nn.Conv2d(inputs, width, 3), nn.ReLU()]
            inputs = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers[:-1])
