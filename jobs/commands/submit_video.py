"""`atelier submit-video`: stylises a video on a running service (`atelier video` needs no service)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from atelier.exit_codes import exit_for, open_client
from jobs.commands.jobs import print_job
from jobs.commands.options import json_option, params_options, url_option
from jobs.commands.submit_fields import RequestFiles, split_styles
from params.style_argument import StyleArgument

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("submit-video")
@click.argument("content", type=_FILE)
@click.argument("style", required=False, type=StyleArgument(as_id=True))
@click.option(
    "--style",
    "more_styles",
    type=StyleArgument(as_id=True),
    multiple=True,
    help="One more style to mix in; repeatable.",
)
@click.option("--style-id", "style_ids", multiple=True, help="A style of the gallery; repeatable.")
@click.option("--weights", help="Shares of the styles: files first, then those of the gallery: 2,1.")
@params_options("video")
@click.option("--priority", type=int, help="Higher goes first.")
@click.option("--cancel-after", type=int, help="Cancel it after so many seconds.")
@click.option("--no-cache", is_flag=True, help="Render it anew, whatever was rendered before.")
@click.option("--wait", "wait_for_it", is_flag=True, help="Wait for the end.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Wait, and save the video here.")
@url_option
@json_option
def submit_video(
    content: Path,
    style: Path | str | None,
    more_styles: tuple[Path | str, ...],
    style_ids: tuple[str, ...],
    weights: str | None,
    format_: str | None,
    wait_for_it: bool,
    output: Path | None,
    no_cache: bool,
    url: str,
    as_json: bool,
    **params: Any,
) -> None:
    """Submit a video and a style to a running service."""
    from jobs.commands import outputs, progress_bars

    request_files = RequestFiles()
    files, named = split_styles(more_styles if style is None else (style, *more_styles))
    params |= request_files.styles(files, (*named, *style_ids), weights, network=params.get("network"))
    params["use_cache"] = False if no_cache else None
    sources = [content, *request_files.paths.values()]
    format_ = outputs.format_for(output, format_, outputs.VIDEO_FORMATS, sources)
    with open_client(url) as client:
        with progress_bars.sending(sources, quiet=as_json) as on_sent:
            job = client.submit(
                content,
                named_files=request_files.paths,
                on_sent=on_sent,
                kind="video",
                format=format_,
                **params,
            )
        if wait_for_it or output:
            job = progress_bars.follow(client, job["id"], timeout=None, quiet=as_json)
        if output and job["status"] == "succeeded":
            outputs.save(client, job, output)
    print_job(job, as_json)
    exit_for(job)
