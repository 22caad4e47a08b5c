"""Values of options that hold more than one thing. Each parser raises `click.BadParameter`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click


def strengths(text: str) -> list[float]:
    """Parse `0,0.5,1`."""
    return _numbers(text, 1)


def weights(text: str) -> list[float]:
    """Parse `2,1`."""
    return _numbers(text, 1_000)


def alpha_points(text: str) -> float | tuple[tuple[float, float], ...]:
    """Parse `0.8`, or `0:0,2.5:1`: strengths at seconds."""
    if ":" not in text:
        return _numbers(text, 1)[0]
    points = []
    for part in text.split(","):
        seconds, _, alpha = part.partition(":")
        points.append((_numbers(seconds, 1e6)[0], _numbers(alpha, 1)[0]))
    return tuple(points)


@dataclass(frozen=True, kw_only=True)
class RegionFiles:
    """A region as it is written: files, not pictures."""

    mask: Path
    style: Path | None = None
    alpha: float | None = None
    feather: float = 0.0


def region(text: str) -> RegionFiles:
    """Parse `mask=FILE[,style=FILE][,alpha=0.5][,feather=12]`, the parts in any order."""
    parts = dict(part.partition("=")[::2] for part in text.split(","))
    unknown = set(parts) - {"mask", "style", "alpha", "feather"}
    if unknown or not parts.get("mask"):
        raise click.BadParameter(f"{text!r} is not mask=FILE,style=FILE,alpha=0.5,feather=12.")
    for key in ("mask", "style"):
        if key in parts and not Path(parts[key]).is_file():
            raise click.BadParameter(f"There is no file {parts[key]!r}.")
    return RegionFiles(
        mask=Path(parts["mask"]),
        style=Path(parts["style"]) if "style" in parts else None,
        alpha=_numbers(parts["alpha"], 1)[0] if "alpha" in parts else None,
        feather=_numbers(parts.get("feather", "0"), 500)[0],
    )


def _numbers(text: str, most: float) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        numbers = []
    if not numbers or not all(0 <= number <= most for number in numbers):
        raise click.BadParameter(f"{text!r}: numbers from 0 to {most:g}, with commas between.")
    return numbers
