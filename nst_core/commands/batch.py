"""Batches of the command line: every content in every style, rendered one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from nst_core.commands.arguments import RegionFiles
from nst_core.commands.output import write_whole
from nst_core.errors import NstError
from params.painting import PictureSettings
from params.stylize import StylizeSettings

if TYPE_CHECKING:
    from torch import Tensor

    from nst_core.images.picture import Picture, PictureFormat
    from nst_core.stylize.engine import Engine
    from nst_core.stylize.regions import Region

#: File suffix → format.
FORMATS: dict[str, PictureFormat] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


@dataclass(frozen=True, kw_only=True)
class Mix:
    """One or several style images with weights (equal if None), and the network that paints them.

    `paths` is empty for a network that the user chose for its style, which is then called `own`.
    """

    paths: tuple[Path, ...]
    weights: list[float] | None = None
    network: str = "slim"
    own: str = ""

    @property
    def name(self) -> str:
        """Name of the style in file names and progress."""
        return self.own or "+".join(path.stem for path in self.paths)


class Batch:
    """Renders every content in every mix; with `skip`, names and skips unusable pictures.

    `engine_of` gives the engine of a network; those that take any style are one and the same.
    """

    def __init__(
        self,
        engine_of: Callable[[str], Engine],
        settings: StylizeSettings,
        style_size: int,
        regions: Sequence[RegionFiles],
        file: Path | None,
        folder: Path,
        *,
        skip: bool,
    ) -> None:
        self._engine_of = engine_of
        self.settings = settings
        self.style_size = style_size
        self.regions = regions
        self.file = file
        self.folder = folder
        self.skip = skip
        #: Runtime and device of the last picture; others than the engine's after memory ran out.
        self.runtime, self.device = "", ""
        self.outputs: list[dict[str, Any]] = []
        self.failed: list[dict[str, str]] = []
        self._names: set[str] = set()
        self._measured: dict[Path, Tensor] = {}

    def run(self, contents: list[Path], mixes: list[Mix], advance: Callable[[str], None]) -> None:
        """Render all. `advance` is called with the name of each pair as it starts."""
        usable = []
        for mix in mixes:
            if self._engine_of(mix.network).fixed_style:
                usable.append(mix)
                continue
            for path in mix.paths:
                with self._skipping(path):
                    self._measured[path] = self._measure(path, None, mix)
            if all(path in self._measured for path in mix.paths):
                usable.append(mix)
        for content in contents:
            with self._skipping(content):
                picture = self._read(content)
                for mix in usable:
                    advance(f"{content.stem} in {mix.name}")
                    self._one(content, mix, picture)

    @contextmanager
    def _skipping(self, path: Path) -> Iterator[None]:
        try:
            yield
        except NstError as error:
            if not self.skip:
                raise
            click.echo(f"Skipped {path}: {error}", err=True)
            self.failed.append({"path": str(path), "error": str(error)})

    def _read(self, path: Path) -> Picture:
        from nst_core.images.picture import read_picture

        return read_picture(path, target_long_side=self.settings.longest_side)

    def _measure(self, path: Path, match: Picture | None, mix: Mix) -> Tensor:
        from nst_core.images.picture import read_picture

        engine = self._engine_of(mix.network)
        return engine.style_statistics(read_picture(path), self.style_size, match=match)

    def _style(self, path: Path, content: Picture, mix: Mix) -> Tensor:
        if self.settings.color == "match":
            return self._measure(path, content, mix)
        if path not in self._measured:
            self._measured[path] = self._measure(path, None, mix)
        return self._measured[path]

    def _regions(self, content: Picture, mix: Mix) -> list[Region]:
        from nst_core.images.picture import read_picture
        from nst_core.stylize.regions import Region, mask_of

        return [
            Region(
                mask_of(read_picture(region.mask)),
                None if region.style is None else self._style(region.style, content, mix),
                region.alpha,
                region.feather,
            )
            for region in self.regions
        ]

    def _one(self, content: Path, mix: Mix, picture: Picture) -> None:
        from nst_core.stylize.request import RenderReport, RenderRequest
        from nst_core.stylize.style_engine import mix as mixed

        started = time.perf_counter()
        settings, report = self.settings, RenderReport()
        engine, style = self._engine_of(mix.network), None
        if mix.paths and not engine.fixed_style:
            style = mixed([self._style(path, picture, mix) for path in mix.paths], mix.weights)
        request = RenderRequest(
            content=picture,
            style=style,
            alphas=settings.strengths,
            settings=settings,
            regions=self._regions(picture, mix),
        )
        (results,) = engine.render([request], report=report)
        self.runtime, self.device = report.runtime, report.device
        for notice in report.notices:
            click.echo(notice, err=True)
        stem = self._stem(content, mix)
        for alpha, result in zip(settings.strengths, results, strict=True):
            path, format = self._write(result, stem, mix, alpha)
            self.outputs.append(
                {
                    "content": str(content),
                    "style": self._described(mix),
                    "network": mix.network,
                    "alpha": alpha,
                    "path": str(path),
                    "format": format,
                    "width": result.width,
                    "height": result.height,
                    "seconds": round((time.perf_counter() - started) / len(results), 3),
                }
            )

    def _described(self, mix: Mix) -> str | list[str]:
        if mix.own:
            return mix.own
        return str(mix.paths[0]) if len(mix.paths) == 1 else [*map(str, mix.paths)]

    def _write(self, result: Picture, stem: Path, mix: Mix, alpha: float) -> tuple[Path, str]:
        from nst_core.images.picture import SUFFIXES, encode_picture

        format = self._format(result)
        suffix = SUFFIXES[format] if self.file is None else self.file.suffix
        strength = f"-{alpha:g}" if self.settings.alphas else ""
        path = stem.with_name(f"{stem.name}{strength}{suffix}")
        recorded = self._recorded(mix, alpha) if self.settings.metadata else None
        write_whole(path, encode_picture(result, format, self.settings.quality, recorded))
        return path, format

    def _recorded(self, mix: Mix, alpha: float) -> dict[str, Any]:
        """The settings as written into a file's metadata; files are named without their folders."""
        settings = {
            "network": Path(mix.network).name,
            "alpha": alpha,
            **self.settings.model_dump(include=set(PictureSettings.model_fields)),
        }
        if mix.own:
            return {**settings, "network": mix.own}
        return {
            **settings,
            "style_size": self.style_size,
            "styles": [path.name for path in mix.paths],
            "weights": mix.weights,
            "regions": [
                {
                    "mask": region.mask.name,
                    "style": region.style and region.style.name,
                    "alpha": region.alpha,
                    "feather": region.feather,
                }
                for region in self.regions
            ],
        }

    def _format(self, result: Picture) -> PictureFormat:
        """The requested format, else that of the suffix, else the content's own if writable."""
        if self.settings.format != "auto":
            return self.settings.format
        if self.file is not None:
            return FORMATS[self.file.suffix.lower()]
        own = result.format.lower()
        writable = ("webp",) if result.alpha is not None else ("jpeg", "webp")
        return cast("PictureFormat", own if own in writable else "png")

    def _stem(self, content: Path, mix: Mix) -> Path:
        """The path of an output without its suffix."""
        if self.file is not None:
            return self.file.with_suffix("")
        stem = name = f"{content.stem}-{mix.name}"
        number = 1
        while name in self._names:
            number += 1
            name = f"{stem}-{number}"
        self._names.add(name)
        return self.folder / name
