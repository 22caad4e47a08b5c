"""`atelier optimize`: optimisation of the pixels of one picture."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nst_core.commands.batch import FORMATS
from nst_core.commands.output import check_not_source, explains_errors, print_json, write_whole
from nst_core.optimize.errors import GatysError
from params.errors import SettingsError, parse_settings
from params.optimize import GatysConfig
from params.options import model_options
from params.style_argument import StyleArgument

if TYPE_CHECKING:
    from nst_core.images.picture import Picture

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("content", type=_FILE)
@click.argument("style", type=StyleArgument())
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; its suffix is the format.",
)
@click.option(
    "--previews", type=click.Path(file_okay=False, path_type=Path), help="Folder for previews."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@model_options({"gatys": GatysConfig})
@explains_errors
def optimize(
    content: Path,
    style: Path,
    out: Path,
    previews: Path | None,
    device: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Optimise the pixels of a photo: slow, the reference.

    CONTENT is the photo, STYLE a picture or a gallery style. Ctrl-C finishes with what there is.
    """
    if out.suffix.lower() not in FORMATS:
        raise click.UsageError(f"{out} ends in none of {', '.join(FORMATS)}.")
    check_not_source(out, [content, style])
    given = {name: value for name, value in options.items() if value is not None}
    try:
        config = parse_settings(GatysConfig, given)
    except SettingsError as error:
        raise GatysError(str(error)) from error
    from nst_core.images.picture import encode_picture, read_picture
    from nst_core.optimize.gatys import optimize as run

    format = FORMATS[out.suffix.lower()]
    started = time.perf_counter()
    latest: dict[str, Any] = {}
    preview_paths: list[str] = []

    def preview(picture: Picture) -> None:
        if previews is not None:
            path = previews / f"preview-{latest['step']:05d}.jpg"
            write_whole(path, encode_picture(picture, "jpeg"))
            preview_paths.append(str(path))

    with _progress(quiet=as_json) as show, _interrupted() as stopping:

        def on_progress(stage: str, step: int, total: int, losses: dict[str, float]) -> None:
            latest.update(stage=stage, step=step, losses=losses)
            show(stage, step, total, losses)

        result = run(
            read_picture(content, target_long_side=config.size),
            read_picture(style),
            config,
            on_progress=on_progress,
            on_preview=preview,
            should_stop=stopping,
            device=device,
        )
    write_whole(out, encode_picture(result, format))
    if as_json:
        seconds = round(time.perf_counter() - started, 2)
        size = {"width": result.width, "height": result.height}
        print_json({"path": str(out), **size, "seconds": seconds, "previews": preview_paths, **latest})


@contextmanager
def _interrupted() -> Iterator[Callable[[], bool]]:
    """Yields a function that tells whether Ctrl-C was pressed; a second Ctrl-C interrupts."""
    pressed = False

    def stop(number: int, frame: object) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str, int, int, dict[str, float]], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def show(stage: str, step: int, total: int, losses: dict[str, float]) -> None:
            figures = "  ".join(f"{name} {value:.4g}" for name, value in losses.items())
            bar.update(task, total=total, completed=step, description=f"{stage}  {figures}")

        yield show
