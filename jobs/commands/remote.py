"""Subcommands that talk to a running service."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jobs.commands.asked import Parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jobs.client import Client


def url_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--url`, and `--key`, which no command has to pass on."""
    url = click.option(
        "--url",
        default="http://127.0.0.1:8000",
        envvar="ATELIER_URL",
        show_default=True,
        help="Where the service is (ATELIER_URL).",
    )
    key = click.option(
        "--key",
        envvar="ATELIER_KEY",
        expose_value=False,
        callback=lambda context, _, value: context.meta.__setitem__(_KEY, value),
        help="An API key; others on this machine see it here, and not in ATELIER_KEY.",
    )
    return url(key(command))


_KEY = "atelier.key"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@contextmanager
def open_client(url: str) -> Iterator[Client]:
    """The service's client; what it refuses becomes one line and exit code 1."""
    from jobs.client import ApiError, Client

    try:
        with Client(url, key=click.get_current_context().meta.get(_KEY)) as client:
            yield client
    except ApiError as error:
        raise click.ClickException(str(error)) from error


def print_job(job: dict[str, Any], as_json: bool) -> None:
    """Say where a job stands, in one line or as JSON."""
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
@click.argument("content", type=_FILE)
@click.argument("style", required=False, type=_FILE)
@click.option(
    "--style", "more_styles", type=_FILE, multiple=True, help="One more style to mix in; repeatable."
)
@click.option("--style-id", "style_ids", multiple=True, help="A style of the gallery; repeatable.")
@click.option("--weights", help="Shares of the styles: files first, then those of the gallery: 2,1.")
@click.option("--alpha", type=click.FloatRange(0, 1), help="Strength of the style.")
@click.option("--alphas", help="Several strengths, such as 0,0.5,1: one output for each.")
@click.option("--size", type=int, help="Long side of the output in pixels.")
@click.option("--stroke", type=float, help="Width of the strokes, 0.5 to 8, the same at any size.")
@click.option("--color", help="style, luminance or match.")
@click.option(
    "--region",
    "written_regions",
    multiple=True,
    help="mask=FILE[,style=FILE|,style_id=ID][,alpha=N][,feather=PX]; later ones cover earlier.",
)
@click.option("--keep", type=_FILE, multiple=True, help="A mask of what stays as it is; repeatable.")
@click.option("--network", help="slim.")
@click.option("--format", "format_", help="auto, png, jpeg or webp.")
@click.option("--quality", type=click.IntRange(1, 100), help="Quality of JPEG and WebP.")
@click.option("--metadata", is_flag=True, default=None, help="Record the settings in the file.")
@click.option("--priority", type=int, help="Higher goes first.")
@click.option("--cancel-after", type=int, help="Cancel it after so many seconds.")
@click.option("--no-cache", is_flag=True, help="Render it anew, whatever was rendered before.")
@click.option("--wait", "wait_for_it", is_flag=True, help="Wait for the end.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Wait, and save the picture here."
)
@url_option
@json_option
def submit(
    content: Path,
    style: Path | None,
    more_styles: tuple[Path, ...],
    style_ids: tuple[str, ...],
    weights: str | None,
    written_regions: tuple[str, ...],
    keep: tuple[Path, ...],
    format_: str | None,
    wait_for_it: bool,
    output: Path | None,
    no_cache: bool,
    url: str,
    as_json: bool,
    **params: Any,
) -> None:
    """Send a photo and a style to a running service."""
    parts = Parts()
    files = more_styles if style is None else (style, *more_styles)
    params |= parts.styles(files, style_ids, weights)
    params["regions"] = parts.regions(written_regions, keep) or None
    params["use_cache"] = False if no_cache else None
    with open_client(url) as client:
        job = client.submit(content, parts=parts.files, format=format_, **params)
        if wait_for_it or output:
            job = _follow(client, job["id"], None, as_json)
        if output and job["status"] == "succeeded":
            _save(client, job, output)
    print_job(job, as_json)
    _exit_for(job)


@click.command()
@click.argument("job_id")
@url_option
@json_option
def status(job_id: str, url: str, as_json: bool) -> None:
    """Show where a job stands."""
    with open_client(url) as client:
        print_job(client.job(job_id), as_json)


@click.command()
@click.argument("job_id")
@click.option("--timeout", type=float, help="Give up after so many seconds.")
@url_option
@json_option
def wait(job_id: str, timeout: float | None, url: str, as_json: bool) -> None:
    """Wait for a job to end; exits with 1 unless it succeeded."""
    with open_client(url) as client:
        job = _follow(client, job_id, timeout, as_json)
    print_job(job, as_json)
    _exit_for(job)


@click.command()
@click.argument("job_id")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File to write; - for standard output."
)
@url_option
def download(job_id: str, output: Path | None, url: str) -> None:
    """Save the picture that a job made."""
    with open_client(url) as client:
        _save(client, client.job(job_id), output)


@click.command()
@click.argument("job_id")
@url_option
@json_option
def cancel(job_id: str, url: str, as_json: bool) -> None:
    """Ask for a job to stop."""
    with open_client(url) as client:
        print_job(client.cancel(job_id), as_json)


@click.command("list")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@click.option("--status", help="Only jobs of this status.")
@click.option("--batch", "batch_id", help="Only jobs of this batch.")
@click.option("--dead", is_flag=True, help="Only jobs that used up their attempts.")
@url_option
@json_option
def list_jobs(
    limit: int, status: str | None, batch_id: str | None, dead: bool, url: str, as_json: bool
) -> None:
    """List the newest jobs."""
    with open_client(url) as client:
        jobs = client.jobs(limit=limit, status=status, batch_id=batch_id, dead=dead)
    if as_json:
        click.echo(json.dumps(jobs))
        return
    for job in jobs:
        print_job(job, as_json=False)


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


def _save(client: Client, job: dict[str, Any], output: Path | None) -> None:
    """Write all that a job made; where there are several, each with its strength in its name."""
    strip = len(job["outputs"]) > 1
    # Of a job without outputs the first is asked for all the same: the refusal says why.
    for made in job["outputs"] or [{"index": 0}]:
        data, media_type = client.output(job["id"], made["index"])
        if output is not None and str(output) == "-":
            sys.stdout.buffer.write(data)
            return
        suffix = media_type.removeprefix("image/").replace("jpeg", "jpg")
        path = output or Path(f"{job['id']}.{suffix}")
        if strip:
            path = path.with_name(f"{path.stem}-{made['alpha']:g}{path.suffix}")
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.part")
        temporary.write_bytes(data)
        temporary.replace(path)
        click.echo(str(path), err=True)
