"""Text for people about jobs: a table of 80 columns for lists, and the details of one job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from jobs.commands.job_ids import SHORT

if TYPE_CHECKING:
    from atelier import Client, Job
    from atelier.types import StoredFile

_HEADINGS = ("ID", "KIND", "STATUS", "STYLE", "SIZE", "CREATED", "TIME")
#: Longest text of each column; the columns and the gaps between them fill 80 characters.
_WIDTHS = (SHORT, 8, 9, 14, 9, 14, 6)
#: Parameters that the details show by another name, or not at all.
_SHOWN_ELSEWHERE = frozenset({"style_id", "styles", "regions"})


def style_names(client: Client) -> Mapping[str, str]:
    """Ids of the gallery styles, and titles of the caller's own, by the SHA-256 of their pictures."""
    return {
        style["sha256"]: style["title"] if style["own"] else style["id"] for style in client.styles()
    }


def job_table(jobs: Iterable[Job], names: Mapping[str, str] = MappingProxyType({})) -> str:
    """A table of jobs with a line for each; no line is longer than 80 characters.

    `names` are names of styles by SHA-256.
    """
    rows = [_HEADINGS, *(_row(job, names) for job in jobs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def job_details(job: Job, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """Kind, status, times, settings, inputs, outputs and error of a job, a line for each."""
    import humanize

    lines = [("job", job["id"]), ("kind", job["kind"]), ("status", _state(job))]
    lines.append(("style", _style(job, names)))
    params = {
        name: value for name, value in job["params"].items() if name not in _SHOWN_ELSEWHERE and value
    }
    lines.append(("settings", ", ".join(f"{name} {value}" for name, value in params.items())))
    for file in job["inputs"]:
        size = humanize.naturalsize(file["bytes"])
        lines.append(("input", f"{file['role']}, {file['media_type']}, {_pixels(file)}{size}"))
    for output in job["outputs"]:
        size = humanize.naturalsize(output["bytes"])
        lines.append(("output", f"{output['media_type']}, {_pixels(output)}{size}"))
    if job["error"]:
        lines.append(("error", job["error"]["detail"]))
    if job["outputs"]:
        lines.append(("save it", f"atelier download {job['id'][:SHORT]}"))
    return "\n".join(f"{name:9} {text}" for name, text in lines if text)


def short_duration(seconds: float) -> str:
    """A duration in at most 6 characters: `1.9 s`, `42 s`, `12 min`, `3.5 h`, `11 d`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h" if seconds < 36_000 else f"{seconds / 3600:.0f} h"
    return f"{seconds / 86_400:.0f} d"


def _row(job: Job, names: Mapping[str, str]) -> Sequence[str]:
    output = job["outputs"][0] if job["outputs"] else None
    cells = (
        job["id"][:SHORT],
        job["kind"],
        "paused" if job["paused"] else job["status"],
        _style(job, names),
        f"{output['width']}×{output['height']}" if output and output["width"] else "",
        _age(job["created_at"]),
        _time(job),
    )
    return [_cut(cell, width) for cell, width in zip(cells, _WIDTHS, strict=True)]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _style(job: Job, names: Mapping[str, str]) -> str:
    """The styles, or for a job without them the name of its network."""
    styles = [
        names.get(file["sha256"], "own picture")
        for file in job["inputs"]
        if file["role"].startswith("style")
    ]
    params = job["params"]
    return " + ".join(styles) or str(params.get("network") or params.get("name") or "")


def _time(job: Job) -> str:
    """The seconds of the run, or the progress of a running job in percent."""
    progress = job["progress"]
    if job["status"] == "running":
        counted = progress is not None and progress["total"] > 0
        return f"{100 * progress['step'] // progress['total']} %" if progress and counted else ""
    if job["started_at"] and job["finished_at"]:
        return short_duration(_seconds(job["started_at"], job["finished_at"]))
    return ""


def _state(job: Job) -> str:
    import humanize

    parts: list[str] = ["paused" if job["paused"] else job["status"]]
    if job["cached"]:
        parts.append("reused from an earlier job")
    if job["queue"]:
        parts.append(f"{job['queue']['position']} before it")
    progress = job["progress"]
    if job["status"] == "running" and progress:
        parts.append(f"{progress['stage']} {progress['step']}/{progress['total']}")
        if progress.get("eta_s"):
            parts.append(f"about {humanize.precisedelta(progress['eta_s'] or 0, format='%.0f')} left")
    elif _time(job):
        parts.append(f"took {_time(job)}")
    parts.append(f"created {_age(job['created_at'])}")
    return ", ".join(parts)


def _pixels(file: StoredFile) -> str:
    return f"{file['width']} × {file['height']}, " if file["width"] else ""


def _seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def _age(created_at: str) -> str:
    import humanize

    return str(humanize.naturaltime(datetime.now(UTC) - datetime.fromisoformat(created_at)))
