"""Text about jobs: nothing is wider than a terminal of 80 columns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.commands.job_table import job_details, job_table, short_duration

NAMES = {"aa": "woodcut", "cc": "cathedral-glass"}


def style(sha256: str) -> dict[str, Any]:
    """A style among the inputs of a job."""
    file = {"media_type": "image/webp", "width": 768, "height": 768, "bytes": 150_000}
    return {"role": "style", "sha256": sha256, **file}


def job(**changes: Any) -> Any:
    """A job as the API shows it, created three minutes ago."""
    at = datetime.now(UTC) - timedelta(minutes=3)
    return {
        "id": "a3726bef-1111-4222-8333-444455556666",
        "kind": "stylize",
        "status": "succeeded",
        "paused": False,
        "cached": False,
        "queue": None,
        "progress": None,
        "params": {"alpha": 0.8, "size": None},
        "inputs": [style("aa")],
        "outputs": [
            {"media_type": "image/png", "width": 1024, "height": 683, "bytes": 210_000}
        ],
        "error": None,
        "created_at": at.isoformat(),
        "started_at": at.isoformat(),
        "finished_at": (at + timedelta(seconds=1.9)).isoformat(),
        **changes,
    }  # fmt: skip


def test_a_line_says_what_a_job_is() -> None:
    _, line = job_table([job()], NAMES).splitlines()
    assert line.split("  ") == [
        "a3726bef", "stylize", "succeeded", "woodcut", "1024×683", "3 minutes ago", "1.9 s",
    ]  # fmt: skip


def test_the_widest_jobs_fit_into_80_columns() -> None:
    mix = [style("cc"), style("unknown")]
    long = {"media_type": "image/png", "width": 12_000, "height": 10_000, "bytes": 1}
    old = (datetime.now(UTC) - timedelta(days=300)).isoformat()
    rows = job_table(
        [
            job(kind="optimize", inputs=mix, outputs=[long], created_at=old),
            job(status="running", progress={"stage": "render", "step": 1, "total": 3}, outputs=[]),
            job(status="queued", outputs=[], started_at=None, finished_at=None),
        ],
        NAMES,
    ).splitlines()
    assert max(map(len, rows)) <= 80
    assert rows[2].endswith("33 %")
    assert "cathedral-gla…" in rows[1]


def test_details() -> None:
    shown = dict(line.split(maxsplit=1) for line in job_details(job(), NAMES).splitlines())
    assert shown["job"] == "a3726bef-1111-4222-8333-444455556666"
    assert shown["status"] == "succeeded, took 1.9 s, created 3 minutes ago"
    assert shown["style"] == "woodcut"
    assert shown["settings"] == "alpha 0.8"
    assert shown["output"] == "image/png, 1024 × 683, 210.0 kB"
    failed = job(status="failed", outputs=[], error={"code": "boom", "detail": "It broke."})
    assert "error     It broke." in job_details(failed).splitlines()


def test_details_of_a_running_training() -> None:
    running = job(
        kind="train", status="running", inputs=[], outputs=[], params={"name": "mine"},
        finished_at=None,
        progress={"stage": "train", "step": 5, "total": 50, "eta_s": 3725.0},
    )  # fmt: skip
    state = next(line for line in job_details(running).splitlines() if line.startswith("status"))
    assert "train 5/50, about 1 hour, 2 minutes and 5 seconds left" in state


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.94, "1.9 s"), (42, "42 s"), (600, "10 min"), (7200, "2.0 h"), (90_000, "25 h"), (1e6, "12 d")],
)
def test_durations(seconds: float, text: str) -> None:
    assert short_duration(seconds) == text
    assert len(text) <= 6
