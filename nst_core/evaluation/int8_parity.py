"""Differences between a network in int8 and the same network in single precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nst_core.errors import NstError
from nst_core.evaluation.quality import Figures, Judge
from nst_core.images.picture import Picture, PictureError, read_picture, resize_exactly, to_tensor
from nst_core.networks.base import StyleNetwork
from nst_core.stylize.grain import Grain
from nst_core.stylize.style_engine import StyleEngine
from params.painting import PaintSettings


class ParityError(NstError):
    """A converted network differs too much from the original."""


@dataclass(frozen=True)
class PicturePair:
    """A content and a style, square and equally large."""

    content: Picture
    style: Picture

    def tensors(self, network: StyleNetwork) -> tuple[Tensor, Tensor]:
        """Both as `network` takes them: the content with as much noise as there is by default."""
        content = Grain.of(network, PaintSettings()).added(to_tensor(self.content.pixels))
        return content, to_tensor(self.style.pixels)


@dataclass(frozen=True, kw_only=True)
class Parity:
    """Means and extremes over pairs; differences in levels of 255."""

    pairs: int
    psnr_mean: float
    psnr_least: float
    difference_mean: float
    difference_99th: float
    fp32: Figures
    int8: Figures

    def as_dict(self) -> dict[str, Any]:
        """The report for JSON, to four places."""
        rounded: dict[str, Any] = _rounded(asdict(self))
        return rounded

    def as_text(self) -> str:
        """The report as plain text."""
        figures = [
            f"{name:9} {getattr(self.fp32, name):.4f} in fp32, {getattr(self.int8, name):.4f} in int8"
            for name in asdict(self.fp32)
        ]
        return "\n".join(
            [
                f"int8 against fp32 on {self.pairs} pairs not calibrated on:",
                f"PSNR {self.psnr_mean:.1f} dB in the mean, {self.psnr_least:.1f} at worst;",
                f"{self.difference_mean:.2f} levels of 255 in the mean, {self.difference_99th:.1f} or "
                "more for one value in a hundred.",
                *figures,
            ]
        )


def picked_pairs(
    contents: Sequence[Path], styles: Sequence[Path], count: int, size: int, seed: int
) -> list[PicturePair]:
    """`count` random pairs, `size` pixels a side. Raises `ParityError` if there are no pictures."""
    if not contents or not styles:
        raise ParityError("There are no pictures to calibrate on.")
    random = np.random.default_rng(seed)
    pairs = []
    for _ in range(count):
        paths = random.choice(np.array(contents)), random.choice(np.array(styles))
        try:
            content, style = (resize_exactly(read_picture(path), size, size) for path in paths)
        except PictureError:
            continue  # unreadable files among thousands are skipped
        pairs.append(PicturePair(content, style))
    if len(pairs) < 2:
        raise ParityError("Fewer than two pictures of these folders can be read.")
    return pairs


def compare(plain: StyleNetwork, quantized: StyleNetwork, pairs: Sequence[PicturePair]) -> Parity:
    """Render every pair at full strength with both, on the fastest runtime here."""
    judge = Judge(style_size=pairs[0].style.width)
    engines = [StyleEngine(network, device="cpu") for network in (plain, quantized)]
    figures: list[list[Figures]] = [[], []]
    psnr, differences = [], []
    for pair in pairs:
        content = judge.content_target(pair.content, pair.content.width, pair.content.height)
        style = judge.style_target(pair.style)
        outputs = []
        for engine, scored in zip(engines, figures, strict=True):
            statistics = engine.style_statistics(pair.style, pair.style.width)
            output = engine.stylize(pair.content, statistics, alpha=1.0)
            scored.append(judge.figures(output, content, style))
            outputs.append(torch.from_numpy(output.pixels).float())
        difference = (outputs[0] - outputs[1]).abs()
        psnr.append(float(20 * torch.log10(255 / difference.square().mean().sqrt().clamp_min(1e-3))))
        differences.append(difference.flatten())
    every = torch.cat(differences).sort().values
    return Parity(
        pairs=len(pairs),
        psnr_mean=mean(psnr),
        psnr_least=min(psnr),
        difference_mean=float(every.mean()),
        difference_99th=float(every[int(0.99 * (len(every) - 1))]),
        fp32=_mean(figures[0]),
        int8=_mean(figures[1]),
    )


def _mean(figures: Sequence[Figures]) -> Figures:
    columns = [asdict(one) for one in figures]
    return Figures(**{name: mean(column[name] for column in columns) for name in columns[0]})


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return round(value, 4) if isinstance(value, float) else value
