"""`atelier bench`: speed and memory of the networks on this machine."""

from __future__ import annotations

from dataclasses import asdict

import click

from nst_core.commands.output import explains_errors, print_json

#: Width and height in pixels.
Sides = tuple[int, int]


def _listed(ctx: click.Context, param: click.Parameter, value: str) -> list[str]:
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not parts:
        raise click.BadParameter("name at least one, separated by commas")
    return parts


def _counts(ctx: click.Context, param: click.Parameter, value: str) -> list[int]:
    found = _listed(ctx, param, value)
    if not all(part.isdecimal() and 1 <= int(part) <= 64 for part in found):
        raise click.BadParameter("batches are whole numbers from 1 to 64, separated by commas")
    return [int(part) for part in found]


def _sizes(ctx: click.Context, param: click.Parameter, value: str) -> list[Sides]:
    found = []
    for part in _listed(ctx, param, value):
        width, _, height = part.partition("x")
        sides = [width, height or width]
        if not all(side.isdecimal() and 16 <= int(side) <= 8192 for side in sides):
            raise click.BadParameter("sizes are like 512 or 3840x2160, from 16 to 8192 pixels a side")
        found.append((int(sides[0]), int(sides[1])))
    return found


@click.command()
@click.option(
    "--sizes",
    default="256,512,1024,3840x2160",
    show_default=True,
    callback=_sizes,
    help="Sides in pixels, such as 512 or 3840x2160.",
)
@click.option(
    "--networks",
    default="slim,slim:int8,microast,full",
    show_default=True,
    callback=_listed,
    help="Names of networks; NAME:int8 for int8.",
)
@click.option(
    "--runtimes", default="auto", show_default=True, callback=_listed, help="auto, torch, openvino."
)
@click.option(
    "--batches",
    default="1",
    show_default=True,
    callback=_counts,
    help="How many pictures go through the network in one pass; times are for each picture.",
)
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or auto.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Timed rounds.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@explains_errors
def bench(
    sizes: list[Sides],
    networks: list[str],
    runtimes: list[str],
    batches: list[int],
    device: str,
    rounds: int,
    as_json: bool,
) -> None:
    """Measure the speed and memory of networks here.

    Each is compared with full-width AdaIN in plain PyTorch.
    """
    import torch

    from bench.networks.render import Row, Size, measure
    from nst_core.runtimes.choice import choose_device

    def on_row(row: Row) -> None:
        if not as_json:
            click.echo(
                f"{row.network} {row.runtime} {row.size} × {row.batch}: {row.ms} ms each", err=True
            )

    rows = measure(
        networks,
        runtimes,
        [Size(*sides) for sides in sizes],
        batches=batches,
        device=choose_device(device),
        rounds=rounds,
        on_row=on_row,
    )
    if as_json:
        print_json(
            {
                "device": device,
                "threads": torch.get_num_threads(),
                "torch": torch.__version__,
                "rounds": rounds,
                "rows": [asdict(row) for row in rows],
            }
        )
        return
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    # The columns that fit into 80 characters; --json has all.
    names = ("network", "runtime", "size", "batch", "ms", "vs_full_eager", "gflops", "peak_rss_mb")
    headings = ("network", "runtime", "size", "batch", "ms", "speedup", "GFLOP/s", "MB")
    table = Table(*headings, title="Medians; style measured before; --json has more", box=SIMPLE)
    for row in rows:
        values = asdict(row)
        table.add_row(*("–" if values[name] is None else str(values[name]) for name in names))
    Console().print(table)
