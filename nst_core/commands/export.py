"""`atelier export`: a network as a file for other runtimes, checked before it is kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nst_core.commands.output import explains_errors, print_json

if TYPE_CHECKING:
    from nst_core.networks.registry import Precision

_FORMATS = ("onnx", "openvino", "torchscript", "torch-export", "executorch", "coreml")


@click.command()
@click.argument("network")
@click.option("--format", "format_", type=click.Choice(_FORMATS), required=True, help="Kind of file.")
@click.option(
    "-o", "--out", required=True, type=click.Path(dir_okay=False, path_type=Path),
    help=".onnx, .xml (with .bin beside it), .pt, .pt2, .pte or .mlpackage (a folder).",
)  # fmt: skip
@click.option(
    "--precision",
    type=click.Choice(["fp32", "int8"]),
    default="fp32",
    show_default=True,
    help="int8 is for onnx and openvino of networks that have it, and for executorch.",
)
@click.option(
    "--images",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Photographs to check on; without, those of scikit-image or drawings of the gallery.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@explains_errors
def export(
    network: str, format_: str, out: Path, precision: Precision, images: Path | None, as_json: bool
) -> None:
    """Write NETWORK (a name or a file) for another runtime.

    The file is run at several sizes and strengths beside the original; one that differs is not kept.

    Files take pictures of any size, in batches of any size. The exceptions take one picture at a time:
    executorch with sides up to 1024 pixels, coreml with sides up to 4096 pixels.
    """
    from nst_core.export.check_pictures import check_pictures
    from nst_core.export.export import export_network

    def on_step(step: str) -> None:
        if not as_json:
            click.echo(f"{out}: {step}", err=True)

    report = export_network(
        network, format_, out, check_pictures(images), precision=precision, on_step=on_step
    )
    if as_json:
        print_json(report.as_dict())
        return
    click.echo(report.as_text())
    click.echo(
        f"{out}: {report.architecture} in {report.precision}, {report.bytes / 1e6:.1f} MB, "
        "equal to the original within the limits."
    )
