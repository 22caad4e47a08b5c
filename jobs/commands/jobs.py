"""Subcommands for jobs of a running service: submit, status, wait, download, cancel, list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atelier.exit_codes import exit_for, open_client
from jobs.commands.job_ids import full_id
from jobs.commands.job_table import job_details, job_table, style_names
from jobs.commands.options import json_option, params_options, url_option
from jobs.commands.submit_request import FILE, handling_options, style_options, submit_request

if TYPE_CHECKING:
    from atelier import Job
    from jobs.commands.terminal_image import Protocol

_SHOW = click.Choice(["auto", "kitty", "sixel", "blocks"])


def print_job(job: Job, as_json: bool) -> None:
    """Print the state of a job, as one line or as JSON."""
    if as_json:
        click.echo(json.dumps(job))
        return
    line = f"{job['id']}  {job['status']}"
    if job["queue"]:
        line += f"  {job['queue']['position']} before it"
    if job["progress"] and job["status"] == "running":
        progress = job["progress"]
        line += f"  {progress['stage']} {progress['step']}/{progress['total']}"
    if job["error"]:
        line += f"  {job['error']['detail']}"
    click.echo(line)


def print_jobs(url: str, as_json: bool, **wanted: Any) -> None:
    """Print the newest jobs that `Client.jobs` finds, as a table or as JSON."""
    with open_client(url) as client:
        jobs = client.jobs(**wanted)
        names = {} if as_json or not jobs else style_names(client)
    if as_json:
        click.echo(json.dumps(jobs))
    elif jobs:
        click.echo(job_table(jobs, names))
    else:
        click.echo("There are no such jobs.", err=True)


@click.command()
@style_options
@click.option(
    "--region",
    "regions",
    multiple=True,
    help="mask=FILE[,style=FILE|,style_id=ID][,alpha=N][,feather=PX]; later ones cover earlier.",
)
@click.option("--keep", type=FILE, multiple=True, help="A mask of what stays as it is; repeatable.")
@params_options("stylize")
@handling_options
@click.option(
    "--show",
    "protocol",
    type=_SHOW,
    is_flag=False,
    flag_value="auto",
    help="Wait, and draw it in the terminal.",
)
@url_option
@json_option
def submit(protocol: Protocol | None, url: str, as_json: bool, **given: Any) -> None:
    """Submit a photo and a style to a running service.

    STYLE is a picture or a style of the gallery, which `atelier styles` lists.

    \b
    Examples:
      atelier submit photo.jpg woodcut -o painted.jpg
      atelier submit photo.jpg painting.jpg --alpha 0.8 --wait
    """
    from jobs.commands import outputs

    request = submit_request("stylize", **given)
    with open_client(url) as client:
        job = request.send(client, quiet=as_json, follow=protocol is not None)
        if protocol and job["status"] == "succeeded":
            outputs.show(client, job, protocol)
    print_job(job, as_json)
    exit_for(job)


@click.command()
@click.argument("job_id")
@url_option
@json_option
def status(job_id: str, url: str, as_json: bool) -> None:
    """Show the state, settings and files of a job.

    JOB_ID may be the first characters of an id.
    """
    with open_client(url) as client:
        job = client.job(full_id(client, job_id))
        text = json.dumps(job) if as_json else job_details(job, style_names(client))
    click.echo(text)


@click.command()
@click.argument("job_id")
@click.option("--timeout", type=float, help="Give up after so many seconds.")
@url_option
@json_option
def wait(job_id: str, timeout: float | None, url: str, as_json: bool) -> None:
    """Wait for a job to end.

    Exits with 5 if it failed, 6 if it was canceled.
    """
    from jobs.commands import progress_bars

    with open_client(url) as client:
        job = progress_bars.follow(client, full_id(client, job_id), timeout=timeout, quiet=as_json)
    print_job(job, as_json)
    exit_for(job)


@click.command()
@click.argument("job_id")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File to write; another suffix converts a picture; - for standard output.",
)
@click.option(
    "--show",
    "protocol",
    type=_SHOW,
    is_flag=False,
    flag_value="auto",
    help="Draw it in the terminal instead.",
)
@url_option
def download(job_id: str, output: Path | None, protocol: Protocol | None, url: str) -> None:
    """Save the picture that a job made."""
    from jobs.commands import outputs

    with open_client(url) as client:
        job = client.job(full_id(client, job_id))
        if protocol:
            outputs.show(client, job, protocol)
        if output or not protocol:
            outputs.save(client, job, output)


@click.command()
@click.argument("job_id")
@url_option
@json_option
def cancel(job_id: str, url: str, as_json: bool) -> None:
    """Request that a job stops."""
    with open_client(url) as client:
        print_job(client.cancel(full_id(client, job_id)), as_json)


@click.command("list")
@click.option(
    "--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="Most jobs shown."
)
@click.option(
    "--status",
    type=click.Choice(["queued", "running", "succeeded", "failed", "canceled"]),
    help="Only jobs of this status.",
)
@click.option(
    "--kind",
    type=click.Choice(["stylize", "train", "optimize", "video", "export"]),
    help="Only jobs of this kind.",
)
@click.option("--batch", "batch_id", help="Only jobs of this batch.")
@click.option("--dead", is_flag=True, help="Only jobs that used up their attempts.")
@url_option
@json_option
def list_jobs(
    limit: int,
    status: str | None,
    kind: str | None,
    batch_id: str | None,
    dead: bool,
    url: str,
    as_json: bool,
) -> None:
    """List the newest jobs."""
    print_jobs(url, as_json, limit=limit, status=status, kind=kind, batch_id=batch_id, dead=dead)
