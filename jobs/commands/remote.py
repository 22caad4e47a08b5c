"""Subcommands that talk to a running service."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobs.client import Client


url_option = click.option(
    "--url",
    default="http://127.0.0.1:8000",
    envvar="ATELIER_URL",
    show_default=True,
    help="Where the service is (ATELIER_URL).",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@contextmanager
def _client(url: str) -> Iterator[Client]:
    from jobs.client import ApiError, Client

    try:
        with Client(url) as client:
            yield client
    except ApiError as error:
        raise click.ClickException(str(error)) from error


def _print(job: dict[str, Any], as_json: bool) -> None:
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


def _exit_for(job: dict[str, Any]) -> None:
    if job["status"] in {"failed", "canceled"}:
        raise SystemExit(1)


@click.command()
@click.argument("content", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("style", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--style-id", help="A style of the gallery, instead of a file.")
@click.option("--alpha", type=click.FloatRange(0, 1), help="Strength of the style.")
@click.option("--size", type=int, help="Long side of the output in pixels.")
@click.option("--network", help="slim.")
@click.option("--preserve-color", is_flag=True, default=None, help="Keep the photo's colours.")
@click.option("--format", "format_", help="auto, png, jpeg or webp.")
@click.option("--priority", type=int, help="Higher goes first.")
@click.option("--wait", "wait_for_it", is_flag=True, help="Wait for the end.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Wait, and save the picture here."
)
@url_option
@json_option
def submit(
    content: Path,
    style: Path | None,
    style_id: str | None,
    format_: str | None,
    wait_for_it: bool,
    output: Path | None,
    url: str,
    as_json: bool,
    **params: object,
) -> None:
    """Send a photo and a style to a running service."""
    if (style is None) == (style_id is None):
        raise click.UsageError("Give a style image, or --style-id.")
    with _client(url) as client:
        job = client.submit(content, style=style, style_id=style_id, format=format_, **params)
        if wait_for_it or output:
            job = _follow(client, job["id"], None, as_json)
        if output and job["status"] == "succeeded":
            _save(client, job["id"], output)
    _print(job, as_json)
    _exit_for(job)


@click.command()
@click.argument("job_id")
@url_option
@json_option
def status(job_id: str, url: str, as_json: bool) -> None:
    """Show where a job stands."""
    with _client(url) as client:
        _print(client.job(job_id), as_json)


@click.command()
@click.argument("job_id")
@click.option("--timeout", type=float, help="Give up after so many seconds.")
@url_option
@json_option
def wait(job_id: str, timeout: float | None, url: str, as_json: bool) -> None:
    """Wait for a job to end; exits with 1 unless it succeeded."""
    with _client(url) as client:
        job = _follow(client, job_id, timeout, as_json)
    _print(job, as_json)
    _exit_for(job)


@click.command()
@click.argument("job_id")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File to write; - for standard output."
)
@url_option
def download(job_id: str, output: Path | None, url: str) -> None:
    """Save the picture that a job made."""
    with _client(url) as client:
        _save(client, job_id, output)


@click.command()
@click.argument("job_id")
@url_option
@json_option
def cancel(job_id: str, url: str, as_json: bool) -> None:
    """Ask for a job to stop."""
    with _client(url) as client:
        _print(client.cancel(job_id), as_json)


@click.command("list")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@click.option("--status", help="Only jobs of this status.")
@url_option
@json_option
def list_jobs(limit: int, status: str | None, url: str, as_json: bool) -> None:
    """List the newest jobs."""
    with _client(url) as client:
        jobs = client.jobs(limit=limit, status=status)
    if as_json:
        click.echo(json.dumps(jobs))
        return
    for job in jobs:
        _print(job, as_json=False)


def _follow(client: Client, job_id: str, timeout: float | None, quiet: bool) -> dict[str, Any]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    job: dict[str, Any] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True) as bar:
        task = bar.add_task("queued", total=None)
        for job in client.follow(job_id, timeout=timeout):
            progress = job["progress"] or {"stage": job["status"], "step": 0, "total": None}
            bar.update(
                task,
                description=progress["stage"],
                completed=progress["step"],
                total=progress["total"],
            )
    return job


def _save(client: Client, job_id: str, output: Path | None) -> None:
    data, media_type = client.output(job_id)
    if output is not None and str(output) == "-":
        sys.stdout.buffer.write(data)
        return
    suffix = media_type.removeprefix("image/").replace("jpeg", "jpg")
    path = output or Path(f"{job_id}.{suffix}")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(data)
    temporary.replace(path)
    click.echo(str(path), err=True)
