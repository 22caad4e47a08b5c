"""Options that commands which render have in common: styles, network, runtime and device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from nst_core.commands.arguments import weights
from nst_core.commands.output import RUNTIMES
from params.style_argument import StyleArgument
from params.tuned_networks import AUTO

F = TypeVar("F", bound=Callable[..., Any])

style_size_option = click.option(
    "--style-size",
    type=click.IntRange(16, 4096),
    default=384,
    show_default=True,
    help="Side of the style image in pixels; smaller means finer strokes.",
)
runtime_option = click.option(
    "--runtime",
    type=click.Choice(RUNTIMES),
    default="auto",
    show_default=True,
    help="auto is OpenVINO on a CPU where it is installed.",
)


def style_options(command: F) -> F:
    """The options of one style or of a mix: `more_styles`, `weights_` and `style_size`."""
    more = click.option(
        "--style",
        "more_styles",
        type=StyleArgument(),
        multiple=True,
        help="One more style to mix in; repeatable.",
    )
    shares = click.option(
        "--weights",
        "weights_",
        type=weights,
        metavar="N,N,…",
        help="Shares of the styles, STYLE first: 2,1.",
    )
    return style_size_option(more(shares(command)))


def engine_options(command: F) -> F:
    """The options of the engine: `network`, `runtime`, `precision` and `device`."""
    network = click.option(
        "--network",
        default=AUTO,
        show_default=True,
        help="slim, full or a trained file; auto is the one tuned to STYLE, or slim if there is none.",
    )
    precision = click.option(
        "--precision",
        type=click.Choice(["fp32", "fp16", "int8"]),
        default="fp32",
        show_default=True,
        help="fp16 is for CUDA; int8 for networks that have it, on a CPU.",
    )
    device = click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
    return network(runtime_option(precision(device(command))))
