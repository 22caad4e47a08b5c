"""`atelier stylize`: pictures or folders of them, without a service."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from nst_core.commands.output import RUNTIMES, explains_errors, print_json, write_whole

if TYPE_CHECKING:
    from torch import Tensor

    from nst_core.engine import StyleEngine
    from nst_core.images import Picture, PictureFormat

_FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


@dataclass(frozen=True, kw_only=True)
class _Settings:
    alpha: float
    size: int | None
    style_size: int
    preserve_color: bool
    format: str
    quality: int


@click.command()
@click.argument("content", type=click.Path(exists=True, path_type=Path))
@click.argument("style", type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="File or folder.")
@click.option("--network", default="slim", show_default=True, help="slim, full or a trained file.")
@click.option("--alpha", type=click.FloatRange(0, 1), default=0.8, show_default=True, help="Strength.")
@click.option("--size", type=click.IntRange(1), help="Longer side of the result; as it is if left out.")
@click.option("--style-size", type=click.IntRange(16, 4096), default=384, show_default=True)
@click.option("--preserve-color", is_flag=True, help="Keep the content's colours.")
@click.option("--runtime", type=click.Choice(RUNTIMES), default="auto", show_default=True)
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option(
    "--format", type=click.Choice(["auto", "png", "jpeg", "webp"]), default="auto", show_default=True
)
@click.option("--quality", type=click.IntRange(1, 100), default=92, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@explains_errors
def stylize(
    content: Path,
    style: Path,
    out: Path,
    network: str,
    runtime: str,
    device: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Render CONTENT in the style of STYLE.

    With folders, every content is rendered in every style, as OUT/CONTENT__STYLE.
    """
    settings = _Settings(**options)
    many = content.is_dir() or style.is_dir()
    into_folder = many or out.is_dir()
    if many and out.is_file():
        raise click.UsageError(f"{out} is a file; with folders, --out is a folder.")
    if not into_folder and settings.format == "auto" and out.suffix.lower() not in _FORMATS:
        raise click.UsageError(
            f"{out} ends in none of {', '.join(_FORMATS)}; name one or use --format."
        )
    from nst_core.data import image_paths
    from nst_core.engine import StyleEngine

    contents = image_paths(content) if content.is_dir() else [content]
    styles = image_paths(style) if style.is_dir() else [style]
    engine = StyleEngine(network, runtime, device)
    batch = _Batch(engine, settings, None if into_folder else out, out, skip=many)
    with _progress(len(contents) * len(styles), quiet=as_json) as advance:
        batch.run(contents, styles, advance)
    if as_json:
        print_json(
            {
                "network": network,
                "runtime": engine.runtime.name,
                "device": engine.runtime.device,
                "outputs": batch.outputs,
                "failed": batch.failed,
            }
        )
    if batch.failed:
        raise click.exceptions.Exit(1)


class _Batch:
    """Renders pairs one after the other; a picture that can't be used is named and skipped."""

    def __init__(
        self, engine: StyleEngine, settings: _Settings, file: Path | None, folder: Path, *, skip: bool
    ) -> None:
        self.engine = engine
        self.settings = settings
        self.file = file
        self.folder = folder
        self.skip = skip
        self.outputs: list[dict[str, Any]] = []
        self.failed: list[dict[str, str]] = []
        self._names: set[str] = set()

    def run(self, contents: list[Path], styles: list[Path], advance: Callable[[str], None]) -> None:
        measured = []
        for style in styles:
            with self._skipping(style):
                measured.append((style, self._statistics(style)))
        for content in contents:
            with self._skipping(content):
                picture = self._read(content)
                for style, statistics in measured:
                    advance(f"{content.stem} in {style.stem}")
                    self._one(content, style, picture, statistics)

    @contextmanager
    def _skipping(self, path: Path) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            if not self.skip or not type(error).__module__.startswith("nst_core."):
                raise
            click.echo(f"Skipped {path}: {error}", err=True)
            self.failed.append({"path": str(path), "error": str(error)})

    def _read(self, path: Path) -> Picture:
        from nst_core.images import read_picture

        return read_picture(path, target_long_side=self.settings.size)

    def _statistics(self, path: Path) -> Tensor:
        from nst_core.images import read_picture

        return self.engine.style_statistics(read_picture(path), self.settings.style_size)

    def _one(self, content: Path, style: Path, picture: Picture, statistics: Tensor) -> None:
        from nst_core.images import SUFFIXES, encode_picture

        started = time.perf_counter()
        settings = self.settings
        result = self.engine.stylize(
            picture,
            statistics,
            alpha=settings.alpha,
            size=settings.size,
            preserve_color=settings.preserve_color,
        )
        format = self._format(result)
        path = self.file or self._name(content, style, SUFFIXES[format])
        write_whole(path, encode_picture(result, format, settings.quality))
        self.outputs.append(
            {
                "content": str(content),
                "style": str(style),
                "path": str(path),
                "format": format,
                "width": result.width,
                "height": result.height,
                "seconds": round(time.perf_counter() - started, 3),
            }
        )

    def _format(self, result: Picture) -> PictureFormat:
        """What was asked for; else by the file's suffix; else the content's own if that is written."""
        format = self.settings.format
        if format == "auto" and self.file is not None:
            format = _FORMATS[self.file.suffix.lower()]
        elif format == "auto":
            own = result.format.lower()
            writable = ("webp",) if result.alpha is not None else ("jpeg", "webp")
            format = own if own in writable else "png"
        return cast("PictureFormat", format)

    def _name(self, content: Path, style: Path, suffix: str) -> Path:
        stem = name = f"{content.stem}__{style.stem}"
        number = 1
        while name in self._names:
            number += 1
            name = f"{stem}-{number}"
        self._names.add(name)
        return self.folder / f"{name}{suffix}"


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """A bar on a terminal's stderr; yields what to call with the name of each picture as it starts."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        *Progress.get_default_columns()[:2],
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[name]}"),
    )
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("Stylizing", total=total, name="")
        started = 0

        def advance(name: str) -> None:
            nonlocal started
            bar.update(task, completed=started, name=name)
            started += 1

        yield advance
        bar.update(task, completed=total, name="")
