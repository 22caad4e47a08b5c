"""`atelier trainings`: start, control and export trainings of a running service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from atelier.exit_codes import exit_for, open_client
from jobs.commands.job_ids import full_id
from jobs.commands.jobs import print_job, print_jobs
from jobs.commands.options import json_option, params_options, url_option
from params.style_argument import StyleArgument


@click.group()
def trainings() -> None:
    """Train networks on the service: start, list, pause, export."""


@trainings.command()
@click.argument("style", required=False, type=StyleArgument(as_id=True))
@click.option("--style-id", help="A style of the gallery, instead of a picture.")
@params_options("train")
@click.option("--wait", "wait_for_it", is_flag=True, help="Wait for the end.")
@url_option
@json_option
def start(
    style: Path | str | None,
    style_id: str | None,
    wait_for_it: bool,
    url: str,
    as_json: bool,
    **params: Any,
) -> None:
    """Train a network for the style of a picture, on the service."""
    from jobs.commands import progress_bars

    if isinstance(style, str):
        style, style_id = None, style
    with open_client(url) as client:
        with progress_bars.sending([style] if style else [], quiet=as_json) as on_sent:
            job = client.submit_training(style=style, style_id=style_id, on_sent=on_sent, **params)
        if wait_for_it:
            job = progress_bars.follow(client, job["id"], timeout=None, quiet=as_json)
    print_job(job, as_json)
    exit_for(job)


@trainings.command("list")
@click.option(
    "--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="Most trainings shown."
)
@url_option
@json_option
def list_trainings(limit: int, url: str, as_json: bool) -> None:
    """List the newest trainings."""
    print_jobs(url, as_json, kind="train", limit=limit)


@trainings.command()
@click.argument("job_id")
@url_option
@json_option
def pause(job_id: str, url: str, as_json: bool) -> None:
    """Save a checkpoint and stop until the training is resumed."""
    with open_client(url) as client:
        print_job(client.pause_training(full_id(client, job_id)), as_json)


@trainings.command()
@click.argument("job_id")
@url_option
@json_option
def resume(job_id: str, url: str, as_json: bool) -> None:
    """Resume from the checkpoint."""
    with open_client(url) as client:
        print_job(client.resume_training(full_id(client, job_id)), as_json)


@trainings.command()
@click.argument("job_id")
@url_option
@json_option
def finish(job_id: str, url: str, as_json: bool) -> None:
    """End the training early and publish the network as it is."""
    with open_client(url) as client:
        print_job(client.finish_training(full_id(client, job_id)), as_json)


@trainings.command("export")
@click.argument("network")
@params_options("export", exclude={"network"})
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=600.0,
    show_default=True,
    help="Seconds to wait for the file.",
)
@url_option
@json_option
def export_network(
    network: str,
    format_: str | None,
    output: Path | None,
    timeout: float,
    url: str,
    as_json: bool,
    **params: Any,
) -> None:
    """Export NETWORK (a name, or NAME@VERSION) for another runtime, and download the file."""
    from jobs.commands import progress_bars
    from jobs.commands.outputs import save

    with open_client(url) as client:
        job = client.submit_export(network, format=format_, **params)
        job = progress_bars.follow(client, job["id"], timeout=timeout, quiet=as_json)
        exit_for(job)
        save(client, job, output)
    print_job(job, as_json)


@trainings.command("networks")
@url_option
@json_option
def list_networks(url: str, as_json: bool) -> None:
    """List the networks that were trained or imported."""
    with open_client(url) as client:
        found = client.networks()
    if as_json:
        click.echo(json.dumps(found))
        return
    for network in found:
        click.echo(
            f"{network['name']}@{network['version']}  {network['architecture']}  {network['id']}"
        )
