"""Slim AdaIN: a small encoder and its mirrored decoder around the AdaIN operation, shaped for CPUs.

Same operation as Huang & Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance
Normalization" (ICCV 2017), with three changes that save time on CPUs:

* a space-to-depth stem, so that no convolution runs at full resolution;
* AdaIN at two levels (1/4 and 1/8) instead of one. All of it acts on *encoder* features, so the
  content statistics of an image of any size come from one pass over its tiles;
* the style statistics, those at 1/2 too, also drive small per-channel gains in the decoder (FiLM,
  Perez et al. 2018). They depend on the style alone and are computed once for a style.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from nst_core.networks.adain import adaptive_instance_normalization, as_precise_as
from nst_core.networks.base import StyleNetwork
from nst_core.networks.padding import reflection_padded, replication_padded

DEFAULT_WIDTHS = (24, 48, 96)


class ReflectConv(nn.Conv2d):
    """A 3×3 convolution with reflection padding, which avoids border artifacts."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, 3, stride, padding=1, padding_mode="reflect")

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, outputs, H / stride, W / stride)."""
        return functional.conv2d(reflection_padded(x), self.weight, self.bias, self.stride)


class UpsamplingHead(nn.Conv2d):
    """Nearest upsampling by two and a 3×3 convolution with reflection padding, at half the cost.

    Every output pixel depends on few distinct inputs, so the same sums can be computed before
    upsampling: a 3×3 convolution to four times the channels, one for each corner of the 2×2 block, then
    a pixel shuffle. The weights are those of the plain convolution, so no corner can differ from the
    others where the picture is flat: there are no checkerboards (Odena et al., "Deconvolution and
    Checkerboard Artifacts", 2016). Reflection at the fine scale is replication at the coarse one.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1, padding_mode="replicate")
        # Corner p of a block reads upsampled rows p-1, p, p+1: coarse rows (p-1)//2, p//2, (p+1)//2.
        self.rows: Tensor
        rows = torch.zeros(2, 3, 3)
        for corner in range(2):
            for tap in range(3):
                rows[corner, (corner + tap - 1) // 2 + 1, tap] = 1
        self.register_buffer("rows", rows, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, outputs, 2H, 2W)."""
        x = replication_padded(x)
        return functional.pixel_shuffle(functional.conv2d(x, *self._corners()), 2)

    def unfolded(self) -> nn.Sequential:
        """An equal module of a plain convolution and a pixel shuffle."""
        plain = nn.Conv2d(
            self.in_channels, 4 * self.out_channels, 3, padding=1, padding_mode="replicate"
        )
        weight, bias = self._corners()
        plain.weight, plain.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())
        return nn.Sequential(plain, nn.PixelShuffle(2))

    def _corners(self) -> tuple[Tensor, Tensor]:
        rows: Tensor = self.rows
        weight = torch.einsum("pyi,qxj,ocij->opqcyx", rows, rows, self.weight)
        bias: Tensor = self.bias.repeat_interleave(4)  # type: ignore[union-attr]
        return weight.reshape(4 * self.out_channels, self.in_channels, 3, 3), bias


class SlimAdaIN(StyleNetwork):
    """Arbitrary style transfer in about 7.5 GFLOP for a 512×512 image.

    `widths` are the channels at 1/2, 1/4 and 1/8 of the resolution; `blocks` residual blocks work at
    1/8. Inputs must have sides divisible by `stride` and at least `minimum_side`.
    """

    architecture = "slim_adain"
    stride = 8
    minimum_side = 16
    scales = (4, 2, 1)
    bytes_per_pixel = 500

    def __init__(
        self, widths: tuple[int, int, int] = DEFAULT_WIDTHS, blocks: int = 2, code_width: int = 128
    ) -> None:
        super().__init__()
        half, quarter, eighth = self.widths = tuple(widths)
        self.blocks = blocks
        self.code_width = code_width
        self.stem = ReflectConv(12, half)
        self.down_quarter = ReflectConv(half, quarter, stride=2)
        self.encode_quarter = ReflectConv(quarter, quarter)
        self.down_eighth = ReflectConv(quarter, eighth, stride=2)
        self.encode_eighth = ReflectConv(eighth, eighth)

        self.middle = nn.ModuleList(ReflectConv(eighth, eighth) for _ in range(blocks))
        self.middle_out = nn.ModuleList(ReflectConv(eighth, eighth) for _ in range(blocks))
        self.up_quarter = ReflectConv(eighth, quarter)
        self.decode_quarter = ReflectConv(quarter, quarter)
        self.up_half = ReflectConv(quarter, half)
        self.decode_half = ReflectConv(half, half)
        self.head = UpsamplingHead(half, 3)

        self.film_widths = [eighth] * 2 * blocks + [quarter] * 2 + [half] * 2
        self.film = nn.Sequential(
            nn.Linear(self.statistics_width, code_width),
            nn.ReLU(),
            nn.Linear(code_width, 2 * sum(self.film_widths)),
        )
        # With PyTorch's default the variance of features shrinks layer by layer, down to that of
        # EPSILON.
        for module in self.modules():
            if isinstance(module, ReflectConv | UpsamplingHead):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.film[2].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.film[2].bias)  # type: ignore[arg-type]
        for out in self.middle_out:
            nn.init.zeros_(out.weight)  # type: ignore[arg-type]
        nn.init.constant_(self.head.bias, 0.5)  # type: ignore[arg-type]

    @property
    def settings(self) -> dict[str, object]:
        """Constructor arguments, as stored in a checkpoint's metadata."""
        return {"widths": list(self.widths), "blocks": self.blocks, "code_width": self.code_width}

    @property
    def levels(self) -> tuple[int, ...]:
        """Channels at 1/2, 1/4 and 1/8 of the resolution."""
        return self.widths

    @property
    def decoded_levels(self) -> int:
        """1/4 and 1/8 of the resolution: 1/2 only adds to the statistics."""
        return 2

    @property
    def reach(self) -> int:
        """See `StyleNetwork`: one pixel of its own resolution for each 3×3 convolution."""
        encoder = 2 + 2 + 4 + 4 + 8
        decoder = 2 * self.blocks * 8 + 8 + 4 + 4 + 2 + 2
        # A cell of 8 pixels is reached as a whole if any part of it is reached.
        return encoder + decoder + self.stride

    def encode(self, x: Tensor) -> tuple[Tensor, ...]:
        """RGB in [0, 1], (B, 3, H, W) → features at 1/2, 1/4 and 1/8 of the size."""
        half = functional.relu(self.stem(functional.pixel_unshuffle(x - 0.5, 2)))
        quarter = functional.relu(self.encode_quarter(functional.relu(self.down_quarter(half))))
        eighth = functional.relu(self.encode_eighth(functional.relu(self.down_eighth(quarter))))
        return half, quarter, eighth

    def decode(self, features: tuple[Tensor, ...], content: Tensor, target: Tensor) -> Tensor:
        """Give `features`, whose statistics are `content`, the statistics `target`, and decode them.

        Returns (B, 3, H, W), nominally in [0, 1] and not clamped.
        """
        return self.render(features, content, target, self.modulation(target))

    def modulation(self, target: Tensor) -> Tensor:
        """The decoder's FiLM gains and shifts for a style, (B, 2·Σ film widths)."""
        first: nn.Linear = self.film[0]  # type: ignore[assignment]
        out: Tensor = self.film(as_precise_as(target, first.weight))
        return out

    def render(
        self, features: tuple[Tensor, ...], content: Tensor, target: Tensor, film: Tensor
    ) -> Tensor:
        """`decode` with a precomputed modulation."""
        quarter, eighth = (
            adaptive_instance_normalization(level, *mine, *theirs)
            for level, mine, theirs in zip(
                features[-2:], self.split(content)[-2:], self.split(target)[-2:], strict=True
            )
        )
        films = iter(self.films(film))
        x = self.residual_blocks(eighth, films)
        x = _upsample(_styled(self.up_quarter, functional.relu(x), next(films)))
        x = functional.relu(_styled(self.decode_quarter, x + quarter, next(films)))
        # No skip connection from 1/2, because it would carry the photo's grain into the result.
        x = _upsample(_styled(self.up_half, x, next(films)))
        x = functional.relu(_styled(self.decode_half, x, next(films)))
        image: Tensor = self.head(x)
        return image

    def residual_blocks(self, eighth: Tensor, films: Iterator[tuple[Tensor, Tensor]]) -> Tensor:
        """Apply the residual blocks to features at 1/8 with the style's statistics, (B, C, H/8, W/8).

        Takes its gains and shifts from `films`, two pairs for each block.
        """
        x = eighth
        for block, back in zip(self.middle, self.middle_out, strict=True):
            inner = functional.relu(_styled(block, x, next(films)))
            x = x + _styled(back, inner, next(films))
        return x

    def forward(self, content: Tensor, target: Tensor) -> Tensor:
        """Stylise (B, 3, H, W) with the statistics `target`, at full strength."""
        features = self.encode(content)
        return self.decode(features, self.statistics(features), target)

    def films(self, film: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Gain and shift of each convolution of the decoder, (B, C, 1, 1) each, of a `modulation`."""
        # Slices, because one `torch.split` is exported as a node of 16 outputs, and a shader of WebGPU
        # may have no more than 8 buffers.
        sizes = [width for width in self.film_widths for _ in range(2)]
        ends = list(itertools.accumulate(sizes))
        parts = [film[:, end - size : end, None, None] for size, end in zip(sizes, ends, strict=True)]
        return [(1 + gain, shift) for gain, shift in zip(parts[::2], parts[1::2], strict=True)]


def _styled(convolution: nn.Module, value: Tensor, film: tuple[Tensor, Tensor]) -> Tensor:
    gain, shift = film
    result: Tensor = convolution(value) * gain + shift
    return result


def _upsample(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="nearest")
