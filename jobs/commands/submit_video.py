"""`atelier submit-video`: stylises a video on a running service (`atelier video` needs no service)."""

from __future__ import annotations

from typing import Any

import click

from atelier.exit_codes import exit_for, open_client
from jobs.commands.jobs import print_job
from jobs.commands.options import json_option, params_options, url_option
from jobs.commands.submit_request import handling_options, style_options, submit_request


@click.command("submit-video")
@style_options
@params_options("video")
@handling_options
@url_option
@json_option
def submit_video(url: str, as_json: bool, **given: Any) -> None:
    """Submit a video and a style to a running service."""
    request = submit_request("video", **given)
    with open_client(url) as client:
        job = request.send(client, quiet=as_json)
    print_job(job, as_json)
    exit_for(job)
