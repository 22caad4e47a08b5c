"""`atelier video`: a video in a style, without a service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nst_core.commands.arguments import check_style, strength
from nst_core.commands.engine_options import engine_options, style_options
from nst_core.commands.output import explains_errors, print_json, write_whole
from nst_core.video.config import VideoConfig, VideoLimits
from params.errors import parse_settings
from params.options import model_options
from params.style_argument import StyleArgument
from params.tuned_networks import AUTO

if TYPE_CHECKING:
    from torch import Tensor

    from nst_core.images.picture import Picture
    from nst_core.runtimes.choice import RenderPrecision
    from nst_core.stylize.engine import Engine
    from nst_core.video.config import VideoReport

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("source", type=_FILE)
@click.argument("style", type=StyleArgument(), required=False)
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="File (.mp4 .mov .mkv .webm .gif, .zip of PNG frames), or a folder for frames.",
)
@click.option(
    "--alpha",
    "strength_",
    type=strength,
    default="0.8",
    show_default=True,
    metavar="N | S:N,S:N,…",
    help="Strength, or strengths at seconds of the result: 0:0,2.5:1.",
)
@click.option("--start", "start_s", type=click.FloatRange(0), help="Seconds to leave out.")
@click.option("--end", "end_s", type=click.FloatRange(0), help="Second of the source to end at.")
@model_options({"": VideoConfig}, exclude={"alpha", "alpha_points", "start_s", "end_s", "limits"})
@style_options
@engine_options
@click.option(
    "--max-seconds",
    type=click.FloatRange(1),
    default=3_600.0,
    show_default=True,
    help="Refuse to render more than this.",
)
@click.option(
    "--work-dir", type=click.Path(file_okay=False, path_type=Path), help="Beside --out if not."
)
@click.option(
    "--preview",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Picture of the newest frame, written every few seconds while it works.",
)
@click.option("--report", is_flag=True, help="Say how long each stage worked.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@explains_errors
def video(
    source: Path,
    style: Path | None,
    out: Path,
    more_styles: tuple[Path, ...],
    weights_: list[float] | None,
    network: str,
    strength_: dict[str, Any],
    format_: str | None,
    style_size: int,
    max_seconds: float,
    work_dir: Path | None,
    preview: Path | None,
    runtime: str,
    precision: RenderPrecision,
    device: str,
    report: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Render a video in the style of a picture.

    STYLE is left out with a network that was trained for one style. Stopped with Ctrl-C or
    killed, the same command goes on from the last finished segment.
    """
    limits = VideoLimits(seconds=max_seconds, frames=10_000_000)
    given = {name: value for name, value in options.items() if value is not None}
    config = parse_settings(VideoConfig, {**given, **strength_, "limits": limits, "format": format_})
    config.format_for(out)
    show = _writer(preview)
    paths = (style, *more_styles) if style is not None else more_styles
    if weights_ is not None and len(weights_) != len(paths):
        raise click.UsageError(f"Give one weight for each style: {len(paths)}, not {len(weights_)}.")
    from nst_core.commands.network_choice import choose_network
    from nst_core.stylize.open_engine import open_engine
    from nst_core.video.painter import FramePainter
    from nst_core.video.stylizer import VideoRender

    graphs = Path(click.get_app_dir("atelier")) / "graphs"
    asked, network = network, choose_network(network, paths, style_size=style_size)
    engine = open_engine(network, runtime, device, precision=precision, cache=graphs)
    check_style(engine, network, bool(paths) and (asked != AUTO or not engine.fixed_style))
    statistics = None
    if not engine.fixed_style:
        statistics = style_of(engine, paths, weights_, style_size, source, config)
    painter = FramePainter(engine, statistics, config, _notice)
    run = VideoRender(painter, source, out, work_dir or out.parent / f".{out.name}.work", config)
    with _progress(quiet=as_json) as show_progress:
        done = run.finish(on_progress=show_progress, on_preview=show, on_notice=_notice)
    if as_json:
        print_json({"out": str(out), "network": network, **done.as_dict()})
    else:
        _summary(out, done, report)


def _writer(path: Path | None) -> Callable[[Picture], None] | None:
    if path is None:
        return None
    from nst_core.commands.batch import FORMATS as PICTURES
    from nst_core.images.picture import encode_picture

    if path.suffix.lower() not in PICTURES:
        raise click.UsageError(f"--preview {path.name}: a picture ends in {', '.join(PICTURES)}.")
    format = PICTURES[path.suffix.lower()]
    return lambda picture: write_whole(path, encode_picture(picture, format, 85))


def _notice(text: str) -> None:
    click.echo(text, err=True)


def style_of(
    engine: Engine,
    paths: tuple[Path, ...],
    shares: list[float] | None,
    style_size: int,
    source: Path,
    config: VideoConfig,
) -> Tensor:
    """The statistics of one style or a mix, in the colours of the video if they are to match."""
    from nst_core.images.picture import read_picture
    from nst_core.stylize.style_engine import mix
    from nst_core.video.stylizer import mosaic

    match = mosaic(source, config) if config.color == "match" else None
    found = [engine.style_statistics(read_picture(path), style_size, match=match) for path in paths]
    return mix(found, shares)


def _summary(out: Path, done: VideoReport, stages: bool) -> None:
    click.echo(
        f"{out}: {done.frames} frames of {done.width}×{done.height}, {done.fps:.2f} in a second "
        f"({done.runtime}); sound: {done.audio}."
    )
    if done.resumed_from:
        click.echo(f"Went on after frame {done.resumed_from}.")
    if stages:
        shares = done.as_dict()["share_by_stage"]
        for name, seconds in done.seconds_by_stage.items():
            click.echo(f"  {name:8} {seconds:8.2f} s {shares[name]:6.1%}")


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str, int, int, float, float], None]]:
    """A bar on a terminal's stderr."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (
        *Progress.get_default_columns()[:2],
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("Painting", total=None, pace="")

        def tell(stage: str, step: int, total: int, fps: float, eta_s: float) -> None:
            if stage != "render":
                bar.update(task, description="Joining", pace="")
                return
            minutes, seconds = divmod(round(eta_s), 60)
            pace = f"{fps:.1f} frames/s, {minutes}:{seconds:02} left"
            bar.update(task, completed=step, total=total or None, pace=pace)

        yield tell
