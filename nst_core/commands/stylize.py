"""`atelier stylize`: pictures or folders of them, without a service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nst_core.commands.arguments import RegionFiles, check_style, region
from nst_core.commands.batch import FORMATS, Batch, Mix
from nst_core.commands.engine_options import engine_options, style_options
from nst_core.commands.output import (
    check_not_source,
    explains_errors,
    print_json,
    show_notice,
)
from params.errors import parse_settings
from params.options import model_options
from params.style_argument import StyleArgument
from params.stylize import StylizeSettings
from params.tuned_networks import AUTO

if TYPE_CHECKING:
    from nst_core.runtimes.choice import RenderPrecision
    from nst_core.stylize.engine import Engine

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("content", type=click.Path(exists=True, path_type=Path))
@click.argument("style", required=False, type=StyleArgument(folders=True))
@click.option(
    "-o",
    "--out",
    default=".",
    type=click.Path(path_type=Path),
    help="File, whose suffix is the format, or folder; this folder if left out.",
)
@click.option("--checkpoint", type=_FILE, help="A network of one style; STYLE is then left out.")
@model_options({"": StylizeSettings})
@style_options
@engine_options
@click.option(
    "--region",
    "regions",
    type=region,
    metavar="mask=FILE,…",
    multiple=True,
    help="mask=FILE[,style=FILE][,alpha=N][,feather=PX]; repeatable, later ones cover earlier.",
)
@click.option("--keep", type=_FILE, multiple=True, help="A mask of what stays as it is; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@explains_errors
def stylize(
    content: Path,
    style: Path | None,
    out: Path,
    checkpoint: Path | None,
    network: str,
    runtime: str,
    precision: RenderPrecision,
    device: str,
    more_styles: tuple[Path, ...],
    weights_: list[float] | None,
    regions: tuple[RegionFiles, ...],
    keep: tuple[Path, ...],
    style_size: int,
    format_: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Render photos in the style of a picture.

    STYLE is a picture or a style of the gallery, which `atelier styles` lists. CONTENT and STYLE may be
    folders: every content is rendered in every style, as OUT/CONTENT-STYLE. With --alphas, the strength
    is added to each name. --alpha is 1 if it is left out for a network trained from one picture.

    \b
    Examples:
      atelier stylize photo.jpg woodcut
      atelier stylize photo.jpg painting.jpg -o out.webp --alpha 0.8
      atelier stylize PHOTOS night-oils -o PAINTED
    """
    given = {name: value for name, value in options.items() if value is not None}
    settings = parse_settings(StylizeSettings, {**given, "format": format_ or "auto"})
    many = content.is_dir() or (style is not None and style.is_dir())
    into_folder = many or out.is_dir()
    if many and out.is_file():
        raise click.UsageError(f"{out} is a file; with folders, --out is a folder.")
    if not into_folder and out.suffix.lower() not in FORMATS and settings.format == "auto":
        raise click.UsageError(f"{out} ends in none of {', '.join(FORMATS)}; name one or use --format.")
    if not into_folder:
        masks = [each.mask for each in regions]
        check_not_source(out, [content, *more_styles, *keep, *masks, *([style] if style else [])])
    graphs = Path(click.get_app_dir("atelier")) / "graphs"
    from nst_core.commands.network_choice import choose_network
    from nst_core.stylize.open_engine import open_engine

    @cache
    def engine_of(name: str) -> Engine:
        return open_engine(name, runtime, device, precision=precision, cache=graphs)

    mixes = _mixes(style, more_styles, weights_)
    styled_regions = any(each.style is not None for each in regions)
    mixes = [
        replace(
            mix,
            network=choose_network(
                str(checkpoint or network),
                mix.paths,
                style_size=style_size,
                style_regions=styled_regions,
            ),
        )
        for mix in mixes
    ]
    engine = engine_of(mixes[0].network)
    if network != AUTO or checkpoint:
        check_style(engine, str(checkpoint or network), style is not None or bool(more_styles))
        if engine.fixed_style:
            mixes = [replace(mixes[0], own=_network_name(checkpoint or Path(network)))]
    elif style is None and not more_styles:
        raise click.UsageError("Give a STYLE, or a --network that holds one.")
    if "alpha" not in given:
        settings = settings.model_copy(update={"alpha": engine.default_alpha})
    regions += tuple(RegionFiles(mask=mask, alpha=0.0) for mask in keep)
    from nst_core.training.data import image_paths

    contents = image_paths(content, show_notice) if content.is_dir() else [content]
    file = None if into_folder else out
    batch = Batch(engine_of, settings, style_size, regions, file, out, skip=many)
    with _progress(len(contents) * len(mixes), quiet=as_json) as advance:
        batch.run(contents, mixes, advance)
    if not as_json:
        for output in batch.outputs:
            click.echo(output["path"], err=True)
    if as_json:
        print_json(
            {
                "network": ", ".join(sorted({mix.network for mix in mixes})),
                "runtime": batch.runtime,
                "precision": precision,
                "device": batch.device,
                "outputs": batch.outputs,
                "failed": batch.failed,
            }
        )
    if batch.failed:
        raise click.exceptions.Exit(1)


def _network_name(path: Path) -> str:
    """The name of a network's style: the folder's name for `final_model`, else the file's."""
    return path.parent.name if path.stem == "final_model" else path.stem


def _mixes(style: Path | None, more: tuple[Path, ...], shares: list[float] | None) -> list[Mix]:
    paths = (style, *more) if style is not None else more
    if style is not None and style.is_dir():
        if more or shares:
            raise click.UsageError("A folder of styles can't be mixed; name its files with --style.")
        from nst_core.training.data import image_paths

        return [Mix(paths=(path,)) for path in image_paths(style, show_notice)]
    if shares is not None and len(shares) != len(paths):
        raise click.UsageError(f"Give one weight for each style: {len(paths)}, not {len(shares)}.")
    return [Mix(paths=paths, weights=shares)]


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """A progress bar on a terminal's stderr. Yields a function to call with each picture's name."""
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
