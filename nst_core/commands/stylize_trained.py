"""`atelier stylize --checkpoint`: pictures through a network of one style."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from nst_core.commands.batch import FORMATS
from nst_core.commands.output import write_whole
from nst_core.errors import NstError

if TYPE_CHECKING:
    from nst_core.images.picture import Picture, PictureFormat
    from nst_core.stylize.composition import Color
    from nst_core.stylize.johnson_engine import JohnsonEngine


class TrainedBatch:
    """Renders contents with one network, to `file` or into `folder`; what can't be used is skipped."""

    def __init__(
        self,
        engine: JohnsonEngine,
        name: str,
        file: Path | None,
        folder: Path,
        *,
        alphas: Sequence[float],
        size: int | None,
        color: Color,
        format: str,
        quality: int,
        metadata: bool,
    ) -> None:
        self.engine = engine
        self.outputs: list[dict[str, Any]] = []
        self.failed: list[dict[str, str]] = []
        self._name = name
        self._file = file
        self._folder = folder
        self._alphas = alphas
        self._size = size
        self._color = color
        self._format = format
        self._quality = quality
        self._metadata = metadata

    def run(self, contents: list[Path], advance: Callable[[str], None]) -> None:
        """Render all; `advance` is told the name of each as it starts."""
        from nst_core.images.picture import read_picture

        for content in contents:
            advance(content.stem)
            try:
                self._one(content, read_picture(content, target_long_side=self._size))
            except NstError as error:
                if len(contents) == 1:
                    raise
                click.echo(f"Skipped {content}: {error}", err=True)
                self.failed.append({"path": str(content), "error": str(error)})

    def _one(self, content: Path, picture: Picture) -> None:
        for alpha in self._alphas:
            started = time.perf_counter()
            result = self.engine.stylize(
                picture,
                alpha=alpha,
                size=self._size,
                color=self._color,
                on_notice=lambda notice: click.echo(notice, err=True),
            )
            path, format = self._write(content, result, alpha)
            self.outputs.append(
                {
                    "content": str(content),
                    "style": self._name,
                    "alpha": alpha,
                    "path": str(path),
                    "format": format,
                    "width": result.width,
                    "height": result.height,
                    "seconds": round(time.perf_counter() - started, 3),
                }
            )

    def _write(self, content: Path, result: Picture, alpha: float) -> tuple[Path, str]:
        from nst_core.images.picture import SUFFIXES, encode_picture

        format = self._format
        if format == "auto" and self._file is not None:
            format = FORMATS[self._file.suffix.lower()]
        elif format == "auto":
            format = result.format.lower() if result.format.lower() in ("jpeg", "webp") else "png"
            format = "png" if format == "jpeg" and result.alpha is not None else format
        chosen = cast("PictureFormat", format)
        strength = f"-{alpha:g}" if len(self._alphas) > 1 else ""
        if self._file is not None:
            path = self._file.with_name(f"{self._file.stem}{strength}{self._file.suffix}")
        else:
            path = self._folder / f"{content.stem}__{self._name}{strength}{SUFFIXES[chosen]}"
        recorded = None
        if self._metadata:
            recorded = {
                "alpha": alpha,
                "color": self._color,
                "size": self._size,
                "network": self._name,
            }
        write_whole(path, encode_picture(result, chosen, self._quality, recorded))
        return path, format
