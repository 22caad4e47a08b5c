"""Jobs and styles as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jobs.lifecycle import JobStatus
from jobs.models import Job, JobFile, Style
from jobs.params import strengths
from jobs.service import QueuePlace


def job_json(job: Job, place: QueuePlace | None = None) -> dict[str, Any]:
    """A job as clients see it. `place` is where it stands in the queue."""
    base = f"/v1/jobs/{job.id}"
    alphas = strengths(job.params) if job.kind == "stylize" else []
    return {
        "id": job.id,
        "kind": job.kind,
        "status": job.status,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "priority": job.priority,
        "params": job.params,
        "progress": job.progress,
        "queue": None if place is None else {"position": place.position, "eta_s": place.eta_s},
        "cancel_requested": job.cancel_requested_at is not None,
        # What went wrong in an attempt that is over says nothing of the one that succeeded.
        "error": None if job.status == JobStatus.SUCCEEDED else job.error,
        "inputs": [_file(file) | {"url": f"{base}/inputs/{file.role}"} for file in job.inputs],
        "outputs": [
            {"index": file.position}
            | _file(file)
            # Those of a strip come in the order of its strengths.
            | {"alpha": alphas[file.position] if file.position < len(alphas) else None}
            | {"url": f"{base}/output" + (f"?index={file.position}" if file.position else "")}
            for file in job.outputs
        ],
        "metrics": job.metrics,
        "created_at": _time(job.created_at),
        "started_at": _time(job.started_at),
        "finished_at": _time(job.finished_at),
        "urls": {
            "self": base,
            "events": f"{base}/events",
            "cancel": f"{base}/cancel",
            "output": f"{base}/output",
        },
    }


def _file(file: JobFile) -> dict[str, Any]:
    return {
        "role": file.role,
        "media_type": file.blob.media_type,
        "width": file.blob.width,
        "height": file.blob.height,
        "bytes": file.blob.size,
        "sha256": file.sha256,
    }


def style_json(style: Style) -> dict[str, Any]:
    """A style as clients see it."""
    base = f"/v1/styles/{style.id}"
    image = f"{base}/image"
    return {
        "id": style.id,
        "title": style.title,
        "description": style.description,
        "width": style.blob.width,
        "height": style.blob.height,
        "sha256": style.sha256,
        "urls": {"self": base, "image": image, "thumbnail": f"{image}?size=192"},
    }


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
