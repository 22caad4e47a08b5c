"""Form fields and files of `atelier submit` and `atelier submit-video`, from their arguments."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from params.tuned_networks import AUTO

_REGION_KEYS = {"mask", "style", "style_id", "alpha", "feather"}


def split_styles(given: Iterable[Path | str]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """The files and the ids of the gallery among style arguments."""
    styles = list(given)
    files = tuple(style for style in styles if isinstance(style, Path))
    return files, tuple(style for style in styles if isinstance(style, str))


class RequestFiles:
    """The file fields of a request beside `content`: field name → path."""

    def __init__(self) -> None:
        self.paths: dict[str, Path] = {}

    def add(self, name: str, path: Path) -> str:
        """Add a file as the field `name`; returns the name."""
        self.paths[name] = path
        return name

    def styles(
        self,
        files: tuple[Path, ...],
        style_ids: tuple[str, ...],
        weights: str | None,
        *,
        network: str | None = None,
    ) -> dict[str, Any]:
        """The fields of one style or of a mix: files first, then styles of the gallery.

        None if `network` is a trained network and no style is given: the network has its own. Raises
        `click.UsageError`.
        """
        shares = [{"file": f"style_{number}"} for number in range(1, len(files) + 1)]
        shares += [{"style_id": style_id} for style_id in style_ids]
        if not shares and network not in {None, AUTO, "slim"}:
            return {}
        if not shares:
            raise click.UsageError(
                "Give a style: a picture, or the name of a gallery style (`atelier styles` lists them)."
            )
        if weights is None and len(shares) == 1:
            if not files:
                return {"style_id": style_ids[0]}
            self.add("style", files[0])
            return {}
        for number, path in enumerate(files, 1):
            self.add(f"style_{number}", path)
        numbers = [1.0] * len(shares) if weights is None else _numbers(weights)
        if len(numbers) != len(shares):
            raise click.UsageError(f"Give one weight for each style: {len(shares)}.")
        mix = [share | {"weight": weight} for share, weight in zip(shares, numbers, strict=True)]
        return {"styles": mix}

    def regions(self, written: tuple[str, ...], keep: tuple[Path, ...]) -> list[dict[str, Any]]:
        """The regions of texts `mask=FILE,style=FILE,alpha=0.5,feather=12`, then those of `--keep`."""
        regions = [self._region(number, text) for number, text in enumerate(written, 1)]
        for number, path in enumerate(keep, len(regions) + 1):
            regions.append({"mask": self.add(f"mask_{number}", path), "alpha": 0.0})
        return regions

    def _region(self, number: int, text: str) -> dict[str, Any]:
        parts = dict(part.partition("=")[::2] for part in text.split(","))
        if set(parts) - _REGION_KEYS or not parts.get("mask"):
            raise click.UsageError(f"{text!r} is not mask=FILE,style=FILE,alpha=0.5,feather=12.")
        region: dict[str, Any] = {"mask": self.add(f"mask_{number}", _file(parts["mask"]))}
        if "style" in parts:
            region["file"] = self.add(f"region_{number}_style", _file(parts["style"]))
        if "style_id" in parts:
            region["style_id"] = parts["style_id"]
        for key in ("alpha", "feather"):
            if key in parts:
                region[key] = _numbers(parts[key])[0]
        return region


def _file(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise click.UsageError(f"There is no file {name!r}.")
    return path


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise click.UsageError(f"{text!r} is no number, and no list of numbers.") from None
