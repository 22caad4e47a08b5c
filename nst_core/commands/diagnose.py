"""Command `atelier diagnose`: preflight check of the pictures of a training, and its estimated cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from nst_core.commands.output import explains_errors, print_json
from params.options import model_options
from params.style_argument import StyleArgument
from params.training import JohnsonTrainConfig, TuneTrainConfig

if TYPE_CHECKING:
    from nst_core.training.preflight import Diagnosis


@click.command()
@click.argument("content", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("style", type=StyleArgument())
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option(
    "--cold", is_flag=True, help="For a training with random weights, without the base network."
)
@click.option("--measure/--no-measure", default=True, show_default=True, help="Time a real step.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.option(
    "--recipe",
    type=click.Choice(["johnson", "tune"]),
    default="johnson",
    show_default=True,
    help="The training to check for: atelier train, or atelier tune.",
)
@model_options({"johnson": JohnsonTrainConfig, "tune": TuneTrainConfig})
@explains_errors
def diagnose(
    content: Path,
    style: Path,
    device: str,
    cold: bool,
    measure: bool,
    as_json: bool,
    recipe: Literal["johnson", "tune"],
    **options: Any,
) -> None:
    """Check data, memory and time before a training.

    CONTENT is a folder of photographs, STYLE a picture or a gallery style. Exit code 1 if the
    training can't start.
    """
    from nst_core.training.config import parse_config
    from nst_core.training.preflight import diagnose as examine

    given = {name: value for name, value in options.items() if value is not None}
    if cold:
        given["warm_start"] = False
    config: JohnsonTrainConfig | TuneTrainConfig
    if recipe == "tune":
        config = parse_config("tune", given, strict=False)
    else:
        config = parse_config("johnson", given, strict=False)
    found = examine(content, style, config, device=device, measure=measure)
    if as_json:
        print_json(found.as_json())
    else:
        _show(found, config)
    if not found.ok:
        raise click.exceptions.Exit(1)


#: Steps of `atelier train` after which a style is recognised (docs/training.md).
_FIRST_RESULT_STEPS = 120


def _show(found: Diagnosis, config: JohnsonTrainConfig | TuneTrainConfig) -> None:
    from humanize import naturaldelta

    for finding in found.findings:
        click.echo(f"{finding.level}: {finding.message}")
        if finding.files:
            click.echo(f"  {', '.join(finding.files)}")
    if found.estimate is not None:
        seconds = found.estimate.seconds
        first = seconds * min(1.0, _FIRST_RESULT_STEPS / config.max_steps)
        click.echo(
            f"{config.max_steps} steps would take about {naturaldelta(seconds)} "
            f"({found.estimate.images_per_second:g} images/s) and {found.estimate.memory_mb} MB."
        )
        if isinstance(config, JohnsonTrainConfig) and config.max_steps > _FIRST_RESULT_STEPS:
            click.echo(
                f"{_FIRST_RESULT_STEPS} steps, enough to see the style: about {naturaldelta(first)}."
            )
    if found.ok:
        click.echo(f"Ready to train on {found.photos} photographs.")
