"""Subcommands for operators and batches: retry jobs, submit batches, pause queues."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from atelier.exit_codes import exit_for, open_client
from imaging.folders import find_pictures
from imaging.formats import FORMAT_NAMES, SUFFIXES
from jobs.commands.job_ids import full_id
from jobs.commands.jobs import print_job
from jobs.commands.options import json_option, params_options, url_option
from jobs.commands.submit_fields import split_styles
from params.style_argument import StyleArgument

if TYPE_CHECKING:
    from atelier import Batch, Client, Job, Queue

FILE_OR_FOLDER = click.Path(exists=True, path_type=Path)


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
        chosen = (
            [job["id"] for job in client.jobs(dead=True, limit=100)]
            if dead
            else [full_id(client, job_id) for job_id in job_ids]
        )
        again = [client.retry(job_id) for job_id in chosen]
    if as_json:
        click.echo(json.dumps(again))
        return
    for job in again:
        print_job(job, as_json=False)


@click.command()
@click.argument("contents", nargs=-1, required=True, type=FILE_OR_FOLDER)
@click.option(
    "--style",
    "styles",
    multiple=True,
    type=StyleArgument(as_id=True),
    help="A picture or a gallery style; repeatable.",
)
@click.option("--style-id", "style_ids", multiple=True, help="A style of the gallery; repeatable.")
@params_options("stylize")
@click.option("--priority", type=int, help="Higher goes first.")
@click.option("--cancel-after", type=int, help="Cancel what has not ended after so many seconds.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Wait, and save every picture in this folder as PHOTO-STYLE.",
)
@url_option
@json_option
def batch(
    contents: tuple[Path, ...],
    styles: tuple[Path | str, ...],
    style_ids: tuple[str, ...],
    format_: str | None,
    output: Path | None,
    url: str,
    as_json: bool,
    **params: object,
) -> None:
    """Submit many photos, or folders of them, in every style.

    All jobs are submitted, or none. With -o, every picture is saved as PHOTO-STYLE.
    """
    from jobs.commands import progress_bars

    files, named = split_styles(styles)
    style_ids = (*named, *style_ids)
    if not files and not style_ids:
        raise click.UsageError("Give a style with --style or --style-id.")
    photos = [photo for given in contents for photo in _pictures(given)]
    if not photos:
        raise click.UsageError(f"There are no {FORMAT_NAMES} pictures in these folders.")
    with open_client(url) as client:
        with progress_bars.sending([*photos, *files], quiet=as_json) as on_sent:
            made = client.submit_batch(
                photos, styles=files, style_ids=style_ids, on_sent=on_sent, format=format_, **params
            )
        if output:
            names = [path.stem for path in files] + [*style_ids]
            titles = [f"{photo.stem}-{name}" for photo in photos for name in names]
            jobs = _gather(client, made, titles, output, quiet=as_json)
            made = client.batch(made["id"])
    if as_json:
        click.echo(json.dumps(made))
    elif output:
        click.echo("  ".join(f"{count} {name}" for name, count in made["counts"].items() if count))
    else:
        click.echo(f"{made['id']}  {made['total']} jobs; atelier list --batch {made['id']}")
    if output:
        exit_for(*jobs)


def _pictures(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = find_pictures(path, SUFFIXES, recursive=False)
    notice = found.notice(path)
    if notice is not None:
        click.echo(notice, err=True)
    return found.pictures


def _gather(client: Client, made: Batch, titles: list[str], folder: Path, *, quiet: bool) -> list[Job]:
    """Save the outputs of a batch as its jobs end; returns the jobs in the order of submission."""
    from atelier import FINAL
    from jobs.commands import outputs, progress_bars

    saved = set[str]()
    with progress_bars.bars(quiet=quiet) as progress:
        task = progress.add_task("rendering", total=made["total"], note="")
        while True:
            # The jobs of a batch were created in the order of `titles`; a list is newest first.
            jobs = list(client.all_jobs(batch_id=made["id"]))[::-1]
            for job, title in zip(jobs, titles, strict=True):
                if job["status"] == "succeeded" and job["id"] not in saved:
                    suffix = (
                        job["outputs"][0]["media_type"].removeprefix("image/").replace("jpeg", "jpg")
                    )
                    outputs.save(client, job, folder / f"{title}.{suffix}")
                    saved.add(job["id"])
            ended = [job for job in jobs if job["status"] in FINAL]
            progress.update(task, completed=len(ended))
            if len(ended) == len(jobs):
                return jobs
            waiting = next(job for job in jobs if job["status"] not in FINAL)
            client.job(waiting["id"], wait=2)


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
    """Start no more jobs of a queue. It still takes jobs, and running jobs go on."""
    with open_client(url) as client:
        _print_queues([client.pause_queue(name)], as_json)


@queues.command()
@click.argument("name")
@url_option
@json_option
def resume(name: str, url: str, as_json: bool) -> None:
    """Start jobs of a paused queue again."""
    with open_client(url) as client:
        _print_queues([client.resume_queue(name)], as_json)


def _print_queues(found: list[Queue], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found))
        return
    for queue in found:
        state = "paused" if queue["paused"] else "open"
        counts = f"{queue['queued']} queued  {queue['running']} running"
        click.echo(f"{queue['name']:12} {state:8} {counts}")
