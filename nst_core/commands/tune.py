"""Command `atelier tune`: tune the slim network to one style."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from pathlib import Path

import click

from nst_core.commands.output import explains_errors, print_json
from nst_core.commands.train_johnson import training_display
from nst_core.training.tune.config import CONTENT_WEIGHTS, TuneConfig

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_DEFAULTS = TuneConfig()


@click.command()
@click.argument("style", type=_FILE)
@click.option("-o", "--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--photos",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of photographs to learn on; a few dozen are enough.",
)
@click.option("--steps", type=click.IntRange(1), default=_DEFAULTS.max_steps, show_default=True)
@click.option(
    "--strength",
    type=click.Choice(list(CONTENT_WEIGHTS)),
    default=_DEFAULTS.strength,
    show_default=True,
    help="How much of the style is taken.",
)
@click.option(
    "--style-size",
    type=click.IntRange(16, 2048),
    default=_DEFAULTS.style_size,
    show_default=True,
    help="Shorter side of the style; smaller means finer strokes.",
)
@click.option("--network", default=_DEFAULTS.network, show_default=True, help="slim, or its file.")
@click.option(
    "--checkpoints",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of checkpoints, to stop and resume; a temporary one if left out.",
)
@click.option("--resume", is_flag=True, help="Resume from --checkpoints.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@explains_errors
def tune(
    style: Path,
    out: Path,
    photos: Path,
    steps: int,
    strength: str,
    style_size: int,
    network: str,
    checkpoints: Path | None,
    resume: bool,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Tune the slim network to STYLE, a minute on two CPU cores, and write it to OUT.

    The result is used as any network: atelier stylize PHOTO --network OUT -o PICTURE. Ctrl-C saves a
    checkpoint if --checkpoints is given; --resume continues from there exactly.
    """
    if resume and checkpoints is None:
        raise click.UsageError("--resume needs --checkpoints.")
    config = TuneConfig(
        max_steps=steps, strength=strength, style_size=style_size, network=network, seed=seed
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = checkpoints or Path(temporary)
        _run(config, photos, style, folder, out, resume=resume, device=device, as_json=as_json)


def _run(
    config: TuneConfig,
    photos: Path,
    style: Path,
    folder: Path,
    out: Path,
    *,
    resume: bool,
    device: str,
    as_json: bool,
) -> None:
    from nst_core.training.data import image_paths
    from nst_core.training.preflight import readable_pictures
    from nst_core.training.session import FINAL
    from nst_core.training.tune.trainer import TuneTrainer

    with training_display(config.max_steps, quiet=as_json) as display:
        contents = readable_pictures(image_paths(photos), display.on_event)
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
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / FINAL, out)
    if as_json:
        print_json({"network": str(out), "outcome": outcome, **last["figures"]})
    else:
        click.echo(f"{out}: tuned to {style.name} in {last['figures']['seconds']:.0f} s.")
