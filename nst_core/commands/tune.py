"""Command `atelier tune`: tune the slim network to one style."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path
from typing import Any

import click

from nst_core.commands.output import explains_errors, print_json, write_whole
from nst_core.commands.train_johnson import training_display
from params.options import model_options
from params.style_argument import StyleArgument
from params.training import TuneTrainConfig

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("style", type=StyleArgument())
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The network file to write (.safetensors).",
)
@click.option(
    "--photos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of photographs to learn on; a few dozen are enough. Drawn pictures if left out.",
)
@click.option("--steps", "max_steps", type=click.IntRange(1), help="Number of steps [default: 130].")
@model_options({"tune": TuneTrainConfig}, exclude={"max_steps"})
@click.option(
    "--checkpoints",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of checkpoints, to stop and resume; a temporary one if left out.",
)
@click.option("--resume", is_flag=True, help="Resume from --checkpoints.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@explains_errors
def tune(
    style: Path,
    out: Path,
    photos: Path | None,
    checkpoints: Path | None,
    resume: bool,
    device: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Tune the slim network to one style, in a minute or two.

    The result OUT is used as any network:
    atelier stylize PHOTO --network OUT -o PICTURE. Ctrl-C saves a checkpoint if --checkpoints is given;
    --resume continues from there exactly.
    """
    if resume and checkpoints is None:
        raise click.UsageError("--resume needs --checkpoints.")
    from nst_core.training.config import parse_config

    given = {name: value for name, value in options.items() if value is not None}
    config = parse_config("tune", given, strict=False)
    with tempfile.TemporaryDirectory() as temporary:
        folder = checkpoints or Path(temporary)
        _run(config, photos, style, folder, out, resume=resume, device=device, as_json=as_json)


def _run(
    config: TuneTrainConfig,
    photos: Path | None,
    style: Path,
    folder: Path,
    out: Path,
    *,
    resume: bool,
    device: str,
    as_json: bool,
) -> None:
    from nst_core.training.data import image_paths
    from nst_core.training.drawn_photos import contents_or_drawn
    from nst_core.training.preflight import readable_pictures
    from nst_core.training.session import FINAL
    from nst_core.training.tune.trainer import TuneTrainer

    with training_display(config.max_steps, quiet=as_json) as display:
        given = None if photos is None else readable_pictures(image_paths(photos), display.on_event)
        contents = contents_or_drawn(given, folder / "drawn")
        trainer = TuneTrainer(config, contents, style, folder, device=device, on_event=display.on_event)
        if resume:
            trainer.restore(folder)
        outcome = trainer.run(display.should_stop)
    last = display.last.as_json()
    if outcome == "failed":
        raise click.ClickException(str(last["message"]))
    if outcome == "stopped":
        again = f" Resume with --checkpoints {shlex.quote(str(folder))} --resume."
        click.echo(f"Stopped at step {last['step']} of {config.max_steps}.{again}", err=True)
        raise click.exceptions.Exit(130)
    write_whole(out, (folder / FINAL).read_bytes())
    if as_json:
        print_json({"network": str(out), "outcome": outcome, **last["figures"]})
    else:
        click.echo(f"{out}: tuned to {style.name} in {last['figures']['seconds']:.0f} s.")
