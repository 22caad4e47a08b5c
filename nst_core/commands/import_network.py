"""`atelier import`: converts a network file of another project."""

from __future__ import annotations

from pathlib import Path

import click

from nst_core.commands.output import explains_errors, print_json

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("import")
@click.argument("file", type=_FILE)
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The network file to write (.safetensors).",
)
@click.option("--encoder", type=_FILE, help="vgg_normalised.pth, for an AdaIN decoder.")
@click.option("--licence", help="Of the weights, to be kept in the file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@explains_errors
def import_network(
    file: Path, out: Path, encoder: Path | None, licence: str | None, as_json: bool
) -> None:
    """Import a network of another project.

    FILE is a network of pytorch/examples' fast_neural_style, or pytorch-AdaIN's decoder.
    """
    from typing import Any, cast

    from nst_core.networks.files import save_network
    from nst_core.networks.foreign import import_network as imported
    from nst_core.video.segments import file_digest

    if out.suffix != ".safetensors":
        raise click.UsageError(f"The result is a safetensors file; {out.name} ends otherwise.")
    network = imported(file, encoder)
    origin = {"file": file.name, "sha256": file_digest(file)}
    if encoder is not None:
        origin |= {"encoder": encoder.name, "encoder_sha256": file_digest(encoder)}
    metadata: dict[str, Any] = {"imported": origin}
    if licence is not None:
        metadata["licence"] = licence
    save_network(cast(Any, network), out, **metadata)
    parameters = sum(weight.numel() for weight in network.trained_state_dict().values())
    if as_json:
        print_json(
            {
                "out": str(out),
                "architecture": network.architecture,
                "parameters": parameters,
                **metadata,
            }
        )
    else:
        click.echo(f"{out}: {network.architecture}, {parameters:,} parameters.")
