"""`atelier bench`: how quick the networks are on this machine."""

from __future__ import annotations

from dataclasses import asdict

import click

from nst_core.commands.output import explains_errors, print_json


def _listed(ctx: click.Context, param: click.Parameter, value: str) -> list[str]:
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not parts:
        raise click.BadParameter("name at least one, separated by commas")
    return parts


def _sizes(ctx: click.Context, param: click.Parameter, value: str) -> list[int]:
    parts = _listed(ctx, param, value)
    if not all(part.isdigit() and 16 <= int(part) <= 8192 for part in parts):
        raise click.BadParameter("sizes are whole numbers from 16 to 8192, separated by commas")
    return [int(part) for part in parts]


@click.command()
@click.option("--sizes", default="256,512,1024", show_default=True, callback=_sizes)
@click.option("--networks", default="slim,full", show_default=True, callback=_listed)
@click.option("--runtimes", default="auto", show_default=True, callback=_listed)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@explains_errors
def bench(
    sizes: list[int], networks: list[str], runtimes: list[str], rounds: int, as_json: bool
) -> None:
    """Time every network on every runtime against full-width AdaIN in plain PyTorch."""
    import torch

    from nst_core.benchmark import Row, measure

    def tell(row: Row) -> None:
        if not as_json:
            click.echo(f"{row.network} {row.runtime} {row.size}: {row.ms} ms", err=True)

    rows = measure(networks, runtimes, sizes, rounds=rounds, on_row=tell)
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
