"""`atelier bench`: how quick the networks are on this machine."""

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
@click.option("--sizes", default="256,512,1024,3840x2160", show_default=True, callback=_sizes)
@click.option("--networks", default="slim,slim:int8,microast,full", show_default=True, callback=_listed)
@click.option("--runtimes", default="auto", show_default=True, callback=_listed)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@explains_errors
def bench(
    sizes: list[Sides], networks: list[str], runtimes: list[str], rounds: int, as_json: bool
) -> None:
    """Time every network on every runtime against full-width AdaIN in plain PyTorch."""
    import torch

    from nst_core.benchmark import Row, Size, measure

    def tell(row: Row) -> None:
        if not as_json:
            click.echo(f"{row.network} {row.runtime} {row.size}: {row.ms} ms", err=True)

    rows = measure(networks, runtimes, [Size(*sides) for sides in sizes], rounds=rounds, on_row=tell)
    if as_json:
        print_json(
            {
                "threads": torch.get_num_threads(),
                "torch": torch.__version__,
                "rounds": rounds,
                "rows": [asdict(row) for row in rows],
            }
        )
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*asdict(rows[0]), title="Style measured beforehand; medians")
    for row in rows:
        table.add_row(*(str(value) for value in asdict(row).values()))
    Console().print(table)
