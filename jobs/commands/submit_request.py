"""Options that `atelier submit` and `atelier submit-video` share, and the request made from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from jobs.commands.options import F
from jobs.commands.submit_fields import RequestFiles, split_styles
from params.style_argument import StyleArgument

if TYPE_CHECKING:
    from atelier import Client, Job

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def style_options(command: F) -> F:
    """The arguments CONTENT and STYLE, and the options of a mix of styles."""
    for option in (
        click.option(
            "--weights", help="Shares of the styles: files first, then those of the gallery: 2,1."
        ),
        click.option(
            "--style-id", "style_ids", multiple=True, help="A style of the gallery; repeatable."
        ),
        click.option(
            "--style",
            "more_styles",
            type=StyleArgument(as_id=True),
            multiple=True,
            help="One more style to mix in; repeatable.",
        ),
        click.argument("style", required=False, type=StyleArgument(as_id=True)),
        click.argument("content", type=FILE),
    ):
        command = option(command)
    return command


def handling_options(command: F) -> F:
    """Options for how a job is handled, and whether its result is awaited and saved."""
    for option in (
        click.option(
            "-o", "--output", type=click.Path(path_type=Path), help="Wait, and save the result here."
        ),
        click.option("--wait", "wait_for_it", is_flag=True, help="Wait for the end."),
        click.option("--no-cache", is_flag=True, help="Render it anew, whatever was rendered before."),
        click.option("--cancel-after", type=int, help="Cancel it after so many seconds."),
        click.option("--priority", type=int, help="Higher goes first."),
    ):
        command = option(command)
    return command


@dataclass(frozen=True)
class SubmitRequest:
    """A job to submit: its content, its other files and its form fields."""

    content: Path
    files: RequestFiles
    fields: dict[str, Any]
    output: Path | None
    wait_for_it: bool

    def send(self, client: Client, *, quiet: bool, follow: bool = False) -> Job:
        """Submit the job; wait for its end if an option or `follow` asks so, and save its output."""
        from jobs.commands import outputs, progress_bars

        files = self.files.paths
        with progress_bars.sending([self.content, *files.values()], quiet=quiet) as on_sent:
            job = client.submit(self.content, named_files=files, on_sent=on_sent, **self.fields)
        if self.wait_for_it or self.output or follow:
            job = progress_bars.follow(client, job["id"], timeout=None, quiet=quiet)
        if self.output and job["status"] == "succeeded":
            outputs.save(client, job, self.output)
        return job


def submit_request(
    kind: Literal["stylize", "video"],
    *,
    content: Path,
    style: Path | str | None,
    more_styles: tuple[Path | str, ...],
    style_ids: tuple[str, ...],
    weights: str | None,
    regions: tuple[str, ...] = (),
    keep: tuple[Path, ...] = (),
    no_cache: bool,
    format_: str | None,
    output: Path | None,
    wait_for_it: bool,
    **fields: Any,
) -> SubmitRequest:
    """A request from the values of `style_options`, `handling_options` and the parameters of the kind.

    Raises `click.UsageError`.
    """
    from jobs.commands import outputs

    files = RequestFiles()
    paths, named = split_styles(more_styles if style is None else (style, *more_styles))
    fields |= files.styles(paths, (*named, *style_ids), weights, network=fields.get("network"))
    fields["regions"] = files.regions(regions, keep) or None
    formats = outputs.VIDEO_FORMATS if kind == "video" else outputs.PICTURE_FORMATS
    fields["format"] = outputs.format_for(output, format_, formats, [content, *files.paths.values()])
    fields |= {"kind": kind, "use_cache": False if no_cache else None}
    return SubmitRequest(content, files, fields, output, wait_for_it)
