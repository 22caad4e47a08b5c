"""Parsers of options with structured values. Each raises `click.BadParameter`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from params.style_argument import StyleArgument

if TYPE_CHECKING:
    from nst_core.stylize.engine import Engine


def weights(text: str) -> list[float]:
    """Parse `2,1`."""
    return _numbers(text, 1_000)


def strength(text: str) -> dict[str, Any]:
    """Parse `0.8` as `alpha`, or `0:0,2.5:1` as `alpha_points`: strengths at seconds."""
    if ":" not in text:
        return {"alpha": _numbers(text, 1)[0]}
    points = []
    for part in text.split(","):
        seconds, _, alpha = part.partition(":")
        points.append((_numbers(seconds, 1e6)[0], _numbers(alpha, 1)[0]))
    return {"alpha_points": points}


@dataclass(frozen=True, kw_only=True)
class RegionFiles:
    """A region of the command line, with files in place of pictures."""

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
    if not Path(parts["mask"]).is_file():
        raise click.BadParameter(f"There is no file {parts['mask']!r}.")
    style = StyleArgument().convert(parts["style"], None, None) if "style" in parts else None
    return RegionFiles(
        mask=Path(parts["mask"]),
        style=None if style is None else Path(style),
        alpha=_numbers(parts["alpha"], 1)[0] if "alpha" in parts else None,
        feather=_numbers(parts.get("feather", "0"), 500)[0],
    )


def check_style(engine: Engine, network: str, has_style: bool) -> None:
    """Raise `click.UsageError` if a style is missing, or given to a network that holds its style."""
    if engine.fixed_style and has_style:
        raise click.UsageError(f"{network} holds its style itself and takes no other.")
    if not engine.fixed_style and not has_style:
        raise click.UsageError(
            "Give a STYLE: a picture, or a gallery style such as woodcut (`atelier styles` lists them)."
        )


def _numbers(text: str, most: float) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        numbers = []
    if not numbers or not all(0 <= number <= most for number in numbers):
        raise click.BadParameter(f"{text!r}: numbers from 0 to {most:g}, with commas between.")
    return numbers
