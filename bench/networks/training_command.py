"""`atelier bench training`: speed of a training of one style on this machine."""

from __future__ import annotations

from dataclasses import asdict

import click

from nst_core.commands.output import explains_errors, print_json


@click.command()
@click.option(
    "--image-size",
    type=click.IntRange(16, 1024),
    default=256,
    show_default=True,
    help="Side of the pictures in pixels.",
)
@click.option(
    "--batch-size", type=click.IntRange(1, 64), default=4, show_default=True, help="Pictures in a step."
)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Timed rounds.")
@click.option("--use-amp", is_flag=True, help="Ours in half precision.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@explains_errors
def training(
    image_size: int, batch_size: int, rounds: int, use_amp: bool, device: str, as_json: bool
) -> None:
    """Time steps of a training against a plain loop of the reference recipe, in turns."""
    from bench.networks.training import measure

    found = measure(image_size, batch_size, rounds=rounds, use_amp=use_amp, device=device)
    if as_json:
        print_json(asdict(found))
        return
    pace = f"{found.images_per_second:g} images/s, {found.ratio:g} times the plain loop's"
    click.echo(
        f"{pace} {found.plain_images_per_second:g} "
        f"(batches of {batch_size} at {image_size} pixels, {found.device})."
    )
