"""Subcommands for whoever runs a service: retry jobs, send batches, pause queues."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from jobs.commands.remote import json_option, open_client, print_job, url_option

PICTURE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("job_ids", nargs=-1, metavar="[JOB_ID]...")
@click.option("--dead", is_flag=True, help="Every job that used up its attempts (up to 100).")
@url_option
@json_option
def retry(job_ids: tuple[str, ...], dead: bool, url: str, as_json: bool) -> None:
    """Submit jobs that failed or were canceled once more."""
    if bool(job_ids) == dead:
        raise click.UsageError("Give the ids of jobs, or --dead.")
    with open_client(url) as client:
        chosen = [job["id"] for job in client.jobs(dead=True, limit=100)] if dead else job_ids
        again = [client.retry(job_id) for job_id in chosen]
    if as_json:
        click.echo(json.dumps(again))
        return
    for job in again:
        print_job(job, as_json=False)


@click.command()
@click.argument("contents", nargs=-1, required=True, type=PICTURE)
@click.option("--style", "styles", multiple=True, type=PICTURE, help="A style image; repeatable.")
@click.option("--style-id", "style_ids", multiple=True, help="A style of the gallery; repeatable.")
@click.option("--alpha", type=click.FloatRange(0, 1), help="Strength of the style.")
@click.option("--size", type=int, help="Long side of the outputs in pixels.")
@click.option("--priority", type=int, help="Higher goes first.")
@click.option("--cancel-after", type=int, help="Cancel what has not ended after so many seconds.")
@url_option
@json_option
def batch(
    contents: tuple[Path, ...],
    styles: tuple[Path, ...],
    style_ids: tuple[str, ...],
    url: str,
    as_json: bool,
    **params: object,
) -> None:
    """Submit every photo in every style: all jobs or none."""
    if not styles and not style_ids:
        raise click.UsageError("Give a style with --style or --style-id.")
    with open_client(url) as client:
        made = client.submit_batch([*contents], styles=[*styles], style_ids=[*style_ids], **params)
    if as_json:
        click.echo(json.dumps(made))
        return
    click.echo(f"{made['id']}  {made['total']} jobs; atelier list --batch {made['id']}")


@click.group(invoke_without_command=True)
@url_option
@json_option
@click.pass_context
def queues(context: click.Context, url: str, as_json: bool) -> None:
    """List the queues, or pause and resume one."""
    if context.invoked_subcommand is None:
        with open_client(url) as client:
            _print_queues(client.queues(), as_json)


@queues.command()
@click.argument("name")
@url_option
@json_option
def pause(name: str, url: str, as_json: bool) -> None:
    """Start no more of a queue's jobs; it still takes them, and those that run go on."""
    with open_client(url) as client:
        _print_queues([client.pause(name, paused=True)], as_json)


@queues.command()
@click.argument("name")
@url_option
@json_option
def resume(name: str, url: str, as_json: bool) -> None:
    """Start a queue's jobs again."""
    with open_client(url) as client:
        _print_queues([client.pause(name, paused=False)], as_json)


def _print_queues(found: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found))
        return
    for queue in found:
        state = "paused" if queue["paused"] else "open"
        counts = f"{queue['queued']} queued  {queue['running']} running"
        click.echo(f"{queue['name']:12} {state:8} {counts}")
