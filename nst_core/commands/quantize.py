"""`atelier quantize`: int8 for a network's convolutions, with a report of the loss of quality."""

from __future__ import annotations

from pathlib import Path

import click

from nst_core.commands.output import explains_errors, print_json, show_notice

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("network")
@click.option("--content", required=True, type=_FOLDER, help="Folder of photographs.")
@click.option("--style", required=True, type=_FOLDER, help="Folder of paintings.")
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The network file to write (.safetensors).",
)
@click.option(
    "--pictures", type=click.IntRange(1), default=32, show_default=True, help="Calibrated on."
)
@click.option(
    "--size", type=click.IntRange(64), default=256, show_default=True, help="Of each picture."
)
@click.option(
    "--least-psnr", type=float, default=35.0, show_default=True, help="Refuse below this, in dB."
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Seed of the pictures that are measured."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@explains_errors
def quantize(
    network: str,
    content: Path,
    style: Path,
    out: Path,
    pictures: int,
    size: int,
    least_psnr: float,
    seed: int,
    as_json: bool,
) -> None:
    """Add the ranges that int8 needs to a network file.

    Every fourth pair of pictures is held out and compared: pixels, and the figures of `evaluate`.
    """
    from nst_core.evaluation.int8_parity import ParityError, compare, picked_pairs
    from nst_core.networks.files import read_metadata, save_network
    from nst_core.networks.quantization import calibrate
    from nst_core.networks.quantization import quantize as quantized
    from nst_core.networks.registry import network_file, open_network
    from nst_core.training.data import image_paths

    pairs = picked_pairs(
        image_paths(content, show_notice),
        image_paths(style, show_notice),
        pictures * 4 // 3,
        size,
        seed,
    )
    seen = [pair for number, pair in enumerate(pairs) if number % 4]
    held_out = pairs[::4]
    plain = open_network(network)
    ranges = calibrate(plain, (pair.tensors(plain) for pair in seen))
    report = compare(plain, quantized(plain, ranges), held_out)
    if report.psnr_least < least_psnr:
        raise ParityError(
            f"int8 is as far as {report.psnr_least:.1f} dB from fp32, below {least_psnr:g} dB: nothing "
            "was written. Calibrate on more pictures, or lower --least-psnr."
        )
    known = read_metadata(network_file(network))
    kept = {key: known[key] for key in known if key not in ("format", "architecture", "settings")}
    save_network(plain, out, half=True, **{**kept, "int8": ranges, "parity": report.as_dict()})
    if as_json:
        print_json({"out": str(out), "calibrated_on": len(seen), **report.as_dict()})
        return
    click.echo(report.as_text())
    click.echo(f"{out}: the network with its int8 ranges, from {len(seen)} pairs of pictures.")
