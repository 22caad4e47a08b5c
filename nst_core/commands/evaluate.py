"""`atelier evaluate`: scores of networks on folders of contents and styles, or of a video."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nst_core.commands.engine_options import runtime_option, style_size_option
from nst_core.commands.output import explains_errors, print_json, show_notice
from params.style_argument import StyleArgument

if TYPE_CHECKING:
    from nst_core.evaluation.evaluate import Pair, Stylize
    from nst_core.stylize.engine import Engine

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--content", type=_FOLDER, help="A photograph, or a folder.")
@click.option(
    "--style", type=StyleArgument(folders=True), help="A picture, a gallery style, or a folder."
)
@click.option(
    "--video",
    nargs=2,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="SOURCE STYLISED",
    help="Print the warping error of a stylised video; with --style, that of simpler ways too.",
)
@click.option(
    "--temporal", type=click.FloatRange(0, 1), default=0.8, show_default=True, help="Of --video."
)
@click.option(
    "--network", "networks", multiple=True, help="slim, slim:int8, full or a file; repeatable."
)
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A trained network of this one style; repeatable.",
)
@click.option(
    "--size",
    type=click.IntRange(16),
    default=512,
    show_default=True,
    help="Longer side of the results in pixels.",
)
@style_size_option
@click.option("--alpha", type=click.FloatRange(0, 1), default=1.0, show_default=True, help="Strength.")
@click.option(
    "--texture",
    type=click.FloatRange(0, 1),
    help="Noise in the source for the network to paint from; that of a job if left out.",
)
@click.option("--baselines", is_flag=True, help="Score the content itself and a colour transfer too.")
@runtime_option
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@explains_errors
def evaluate(
    content: Path | None,
    style: Path | None,
    video: tuple[Path, Path] | None,
    temporal: float,
    networks: tuple[str, ...],
    checkpoints: tuple[Path, ...],
    size: int,
    style_size: int,
    alpha: float,
    texture: float | None,
    baselines: bool,
    runtime: str,
    as_json: bool,
) -> None:
    """Score networks on photos and styles, or a video.

    The scores are distances in VGG-16: lower is better.
    """
    if video is not None:
        engine = _engine(networks[0] if networks else "slim", runtime)
        _video(video, style, engine, style_size, alpha, temporal, as_json)
        return
    if content is None or style is None:
        raise click.UsageError("Give --content and --style, or two files with --video.")
    if checkpoints and style.is_dir():
        raise click.UsageError("A --checkpoint knows one style: give that picture with --style.")
    from nst_core.evaluation.baselines import BASELINES
    from nst_core.evaluation.evaluate import evaluate as scored
    from nst_core.evaluation.evaluate import summarize
    from nst_core.evaluation.quality import Judge
    from nst_core.training.data import image_paths

    settings = {"alpha": alpha, **({} if texture is None else {"texture": texture})}
    methods: dict[str, Stylize] = dict(BASELINES) if baselines else {}
    for name in networks or (() if baselines or checkpoints else ("slim",)):
        methods[name] = _stylizer(name, runtime, style_size, settings)
    for path in checkpoints:
        methods[str(path)] = _stylizer(str(path), runtime, style_size, settings)
    pairs: dict[str, list[Pair]] = {name: [] for name in methods}
    contents, styles = (
        image_paths(content, show_notice),
        image_paths(style, show_notice) if style.is_dir() else [style],
    )
    judge = Judge(style_size=style_size)
    for number, (method, pair) in enumerate(scored(methods, contents, styles, judge, size=size), 1):
        pairs[method].append(pair)
        if number % 50 == 0:
            total = len(contents) * len(styles) * len(methods)
            click.echo(f"{number} of {total} scored", err=True)
    rows = [{"network": name, **summarize(found)} for name, found in pairs.items()]
    if as_json:
        print_json({"size": size, "style_size": style_size, **settings, "rows": rows})
    else:
        _table(rows)


def _engine(name: str, runtime: str) -> Engine:
    """The engine of a network; `slim:int8` is slim with its convolutions in int8."""
    from nst_core.networks.registry import check_precision
    from nst_core.stylize.open_engine import open_engine

    name, _, precision = name.partition(":")
    return open_engine(name, runtime, precision=check_precision(precision or "fp32"))


def _video(
    paths: tuple[Path, Path],
    style: Path | None,
    engine: Engine,
    style_size: int,
    alpha: float,
    temporal: float,
    as_json: bool,
) -> None:
    from dataclasses import asdict

    from nst_core.evaluation.warping_error import DEFINITION, measure_videos
    from nst_core.images.picture import read_picture
    from nst_core.video.config import VideoConfig, VideoLimits

    limits = VideoLimits(seconds=36_000, frames=10_000_000)
    config = VideoConfig(alpha=alpha, temporal=temporal, limits=limits)
    statistics = None
    if style is not None:
        statistics = engine.style_statistics(read_picture(style), style_size)
    rows = measure_videos(*paths, engine=engine, style=statistics, config=config)
    if as_json:
        print_json({"definition": DEFINITION, "rows": [asdict(row) for row in rows]})
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("video", title="Lower is calmer; detail tells blur")
    for name in ("warping error", "detail", "pairs"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(row.video, f"{row.warping_error:.4f}", f"{row.detail:.2f}", str(row.pairs))
    Console().print(table)
    click.echo(DEFINITION)


def _stylizer(name: str, runtime: str, style_size: int, settings: Mapping[str, Any]) -> Stylize:
    from torch import Tensor

    from nst_core.images.picture import Picture

    engine = _engine(name, runtime)
    measured: dict[int, Tensor] = {}

    def stylize(content: Picture, style: Picture) -> Picture:
        if engine.fixed_style:
            return engine.stylize(content, **settings)
        if id(style) not in measured:
            measured[id(style)] = engine.style_statistics(style, style_size)
        return engine.stylize(content, measured[id(style)], **settings)

    return stylize


def _table(rows: list[dict[str, str | float | int]]) -> None:
    from rich.console import Console
    from rich.table import Table

    from nst_core.evaluation.evaluate import FIGURES

    table = Table("network", "pairs", title="Means; lower is better but for ssim")
    for name in FIGURES:
        table.add_column(name, justify="right")
    for row in rows:
        figures = [f"{row[name]:.3f}" for name in FIGURES]
        table.add_row(str(row["network"]), str(row["pairs"]), *figures)
    Console().print(table)
