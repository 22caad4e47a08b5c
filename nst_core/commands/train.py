"""Command `atelier train`: train a network for one style or for any style, without a service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from nst_core.commands.output import explains_errors
from params.options import model_options
from params.style_argument import StyleArgument
from params.training import CONFIGS

#: Names of all settings, of whichever kind.
_SETTINGS = tuple(dict.fromkeys(name for config in CONFIGS.values() for name in config.model_fields))
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_NEW_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)
F = TypeVar("F", bound=Callable[..., Any])

_ONE_STYLE = (
    click.option("--content-dir", type=_FOLDER, help="One style: folder of photographs."),
    click.option(
        "--style-image",
        type=StyleArgument(),
        help="One style: the picture to learn it from, or a gallery style.",
    ),
    click.option(
        "--checkpoint-dir", type=_NEW_FOLDER, help="One style: where checkpoints and network go."
    ),
    click.option("--output-dir", type=_NEW_FOLDER, help="One style: where sample pictures go."),
    click.option(
        "--cold", is_flag=True, help="One style: start with random weights, not with the base network."
    ),
)
_ANY_STYLE = (
    click.option(
        "--widths", help="Channels of slim at 1/2, 1/4 and 1/8 of the size, such as 32,64,128."
    ),
    click.option("--width", type=float, help="Share of VGG's channels in full."),
    click.option("--content", type=_FOLDER, help="Any style: folder of photographs."),
    click.option("--style", type=_FOLDER, help="Any style: folder of paintings."),
    click.option("--out", type=_FILE, help="Any style: where the network goes (.safetensors)."),
    click.option("--state", type=_FILE, help="Any style: where the state goes; OUT.state if left out."),
    click.option(
        "--save-every", type=click.IntRange(1), default=200, show_default=True, help="Any style: steps."
    ),
    click.option(
        "--hold-out",
        type=click.IntRange(0),
        default=0,
        show_default=True,
        help="Any style: keep every N-th file for validation.",
    ),
)


def _options(*options: Callable[[F], F]) -> Callable[[F], F]:
    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@click.command()
@click.option(
    "--kind", type=click.Choice(["johnson", "adain"]), help="johnson if --style-image is given."
)
@_options(*_ONE_STYLE)
@_options(*_ANY_STYLE)
@click.option(
    "--resume",
    type=click.Path(exists=True, path_type=Path),
    help="Resume from a folder of checkpoints (one style) or a state file (any style).",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@model_options(CONFIGS)
@explains_errors
def train(kind: str | None, as_json: bool, device: str, resume: Path | None, **options: Any) -> None:
    """Train a network for one style, or one that takes any.

    One style: --content-dir PHOTOS --style-image PICTURE --checkpoint-dir DIR leaves the network at
    DIR/final_model.safetensors. Any style: --content PHOTOS --style PAINTINGS --out FILE. Ctrl-C saves
    a checkpoint, as SIGTERM and a closed terminal do; --resume continues from there exactly, with the
    same settings. The default number of steps takes days on a CPU: there, take --max-steps 400, or
    `atelier tune`, which takes minutes.
    """
    kind = kind or ("johnson" if options["style_image"] or options["content_dir"] else "adain")
    own = CONFIGS[kind].model_fields
    settings = {name: options.pop(name) for name in _SETTINGS}
    given = {name: value for name, value in settings.items() if value is not None}
    stray = [name for name in given if name not in own]
    if stray:
        raise click.UsageError(f"--{stray[0].replace('_', '-')} is not a setting of --kind {kind}.")
    if kind == "johnson":
        from nst_core.commands.train_johnson import train_johnson

        need = ("content_dir", "style_image", "checkpoint_dir")
        _need(options, need[:2] if resume else need)
        if options.pop("cold"):
            given["warm_start"] = False
        places = {name: options[name] for name in (*need, "output_dir")}
        train_johnson(**places, resume=resume, device=device, as_json=as_json, given=given)
    else:
        from nst_core.commands.train_adain import train_adain

        _need(options, ("content", "style", "out"))
        for name in ("content_dir", "style_image", "checkpoint_dir", "output_dir", "cold"):
            options.pop(name)
        if resume is not None and resume.is_dir():
            raise click.UsageError(f"{resume} is a folder; --kind adain resumes from a state file.")
        train_adain(kind=kind, device=device, as_json=as_json, resume=resume, given=given, **options)


def _need(options: dict[str, Any], names: tuple[str, ...]) -> None:
    missing = [f"--{name.replace('_', '-')}" for name in names if options[name] is None]
    if len(missing) == len(names):
        raise click.UsageError(
            "Give --content-dir, --style-image and --checkpoint-dir for a network of one style, or "
            "--content, --style and --out for one that takes any style."
        )
    if missing:
        raise click.UsageError(f"Give {' and '.join(missing)}.")
