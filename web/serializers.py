"""Serializers: database records → JSON objects of the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, cast, overload

from flask import request

from atelier import types
from jobs.db.models.blobs import Blob, StoredUpload
from jobs.db.models.catalog import Style
from jobs.db.models.jobs import Job, JobFile
from jobs.db.models.operations import WebhookDelivery
from jobs.db.models.trainings import Dataset, TrainedNetwork, TrainingLoss
from jobs.media.thumbnails import has_thumbnail
from jobs.params.kinds import KINDS, strengths
from jobs.queue.lifecycle import JobStatus
from jobs.queue.pausing import QueueInfo
from jobs.queue.position import QueuePosition
from jobs.submission.batches import BatchInfo
from params.tuned_networks import UNTUNED


def job_json(
    job: Job, place: QueuePosition | None = None, deliveries: Sequence[WebhookDelivery] = ()
) -> types.Job:
    """A job as JSON; `place` is its position in the queue."""
    base = f"/v1/jobs/{job.id}"
    alphas = strengths(job.params) if job.kind == "stylize" else []
    return {
        "id": job.id,
        "kind": cast(types.Kind, job.kind),
        "status": cast(types.Status, job.status),
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "dead": job.dead,
        "paused": job.paused_at is not None,
        "priority": job.priority,
        "params": job.params,
        "progress": cast(types.Progress | None, job.progress),
        "queue": None if place is None else place_json(place),
        "cancel_requested": job.cancel_requested_at is not None,
        "cancel_reason": cast(Literal["asked", "deadline"] | None, job.cancel_reason),
        "cancel_at": time_json(job.cancel_at),
        "batch_id": job.batch_id,
        "retried_from": job.retried_from,
        "cached": job.cached,
        "network_version": job.network_version,
        "error": error_json(job),
        "inputs": [_input(base, file) for file in job.inputs],
        "outputs": [_output(base, file, alphas) for file in job.outputs],
        "output": _absolute_outputs(base, job) if job.status == JobStatus.SUCCEEDED else None,
        "metrics": job.metrics,
        "request_id": job.request_id,
        "webhook": None if job.webhook_url is None else _webhook(job, deliveries),
        "created_at": time_json(job.created_at),
        "started_at": time_json(job.started_at),
        "finished_at": time_json(job.finished_at),
        "expires_at": time_json(job.expires_at),
        "urls": {
            "self": base,
            "events": f"{base}/events",
            "cancel": f"{base}/cancel",
            "retry": f"{base}/retry",
            "output": f"{base}/output",
            "link": f"{base}/output/url",
            **_run_urls(base, job.kind),
        },
    }


def _input(base: str, file: JobFile) -> types.Input:
    return {"role": file.role, **_blob(file.blob), "url": f"{base}/inputs/{file.role}"}


def _output(base: str, file: JobFile, alphas: Sequence[float]) -> types.Output:
    query = f"?index={file.position}" if file.position else ""
    thumbnail = has_thumbnail(file.blob.media_type)
    return {
        "index": file.position,
        "role": file.role,
        **_blob(file.blob),
        # Outputs of a strip are in the order of its strengths.
        "alpha": alphas[file.position] if file.position < len(alphas) else None,
        "url": _output_url(base, file),
        "thumbnail": f"{base}/output/thumbnail{query}" if thumbnail else None,
    }


def _absolute_outputs(base: str, job: Job) -> list[str]:
    """URLs of the outputs with the scheme and host by which this request came."""
    return [f"{request.host_url.rstrip('/')}{_output_url(base, file)}" for file in job.outputs]


def _output_url(base: str, file: JobFile) -> str:
    return f"{base}/output" + (f"?index={file.position}" if file.position else "")


def _run_urls(base: str, kind: str) -> dict[str, str]:
    """URLs of controls and records that only some kinds of jobs have."""
    names = [
        *(("pause", "resume", "finish") if KINDS[kind].controllable else ()),
        *(("losses",) if KINDS[kind].has_losses else ()),
        *(("samples",) if KINDS[kind].has_samples else ()),
    ]
    return {name: f"{base}/{name}" for name in names}


def place_json(place: QueuePosition) -> types.QueuePosition:
    """A position in the queue as JSON."""
    return {"position": place.position, "eta_s": place.eta_s, "paused": place.paused}


def batch_json(view: BatchInfo) -> types.Batch:
    """A batch as JSON."""
    base = f"/v1/batches/{view.batch.id}"
    return {
        "id": view.batch.id,
        "done": view.done,
        "total": view.total,
        "counts": cast(types.StatusCounts, view.counts),
        "created_at": time_json(view.batch.created_at),
        "urls": {
            "self": base,
            "jobs": f"/v1/jobs?batch_id={view.batch.id}",
            "cancel": f"{base}/cancel",
        },
    }


def queue_json(view: QueueInfo) -> types.Queue:
    """A queue as JSON, for operators."""
    base = f"/v1/queues/{view.name}"
    return {
        "name": view.name,
        "paused": view.paused_at is not None,
        "paused_at": time_json(view.paused_at),
        "queued": view.queued,
        "running": view.running,
        "urls": {"pause": f"{base}/pause", "resume": f"{base}/resume"},
    }


def _webhook(job: Job, deliveries: Sequence[WebhookDelivery]) -> types.JobWebhook:
    return {
        "url": job.webhook_url or "",
        "events": cast(list[types.WebhookEvent], (job.webhook_events or "").split()),
        "deliveries": [
            {
                "id": delivery.id,
                "event": cast(types.WebhookEvent, delivery.event),
                "attempts": delivery.attempts,
                "status_code": delivery.status_code,
                "error": delivery.error,
                "next_at": time_json(delivery.next_at),
                "delivered_at": time_json(delivery.delivered_at),
            }
            for delivery in deliveries
        ],
    }


def _blob(blob: Blob) -> types.StoredFile:
    return {
        "media_type": blob.media_type,
        "width": blob.width,
        "height": blob.height,
        "bytes": blob.size,
        "sha256": blob.sha256,
    }


def upload_json(upload: StoredUpload) -> types.Upload:
    """An upload as JSON."""
    base = f"/v1/uploads/{upload.id}"
    return {
        "id": upload.id,
        **_blob(upload.blob),
        "created_at": time_json(upload.created_at),
        "expires_at": time_json(upload.expires_at),
        "urls": {"self": base, "image": f"{base}/image"},
    }


def style_json(style: Style, tuned_styles: Mapping[str, str]) -> types.Style:
    """A style as JSON; `tuned_styles`: SHA-256 of a style's picture → the network tuned to it."""
    base = f"/v1/styles/{style.id}"
    image = f"{base}/image"
    return {
        "id": style.id,
        "title": style.title,
        "description": style.description,
        "own": style.owner is not None,
        "width": style.blob.width,
        "height": style.blob.height,
        "sha256": style.sha256,
        "tuned": style.sha256 in tuned_styles,
        "network": tuned_styles.get(style.sha256, UNTUNED),
        "urls": {"self": base, "image": image, "thumbnail": f"{image}?size=192"},
    }


def network_json(network: TrainedNetwork) -> types.Network:
    """A trained network as JSON."""
    base = f"/v1/networks/{network.id}"
    return {
        "id": network.id,
        "name": network.name,
        "version": network.version,
        "architecture": network.architecture,
        "styled": network.styled,
        "style_sha256": network.style_sha256,
        "bytes": network.blob.size,
        "sha256": network.sha256,
        "settings": network.settings,
        "figures": network.figures,
        "job_id": network.job_id,
        "created_at": time_json(network.created_at),
        "urls": {
            "self": base,
            "file": f"{base}/file",
            **({"style": f"{base}/style"} if network.style_sha256 else {}),
            **({"sample": f"{base}/sample"} if network.sample_sha256 else {}),
        },
    }


def dataset_json(dataset: Dataset) -> types.Dataset:
    """A dataset as JSON."""
    base = f"/v1/datasets/{dataset.id}"
    shown = {} if dataset.folder is not None else {"images": f"{base}/images/{{number}}"}
    return {
        "id": dataset.id,
        "name": dataset.name,
        "own": dataset.owner is not None,
        "images": dataset.image_count,
        "folder": dataset.folder,
        "created_at": time_json(dataset.created_at),
        "urls": {"self": base, **shown},
    }


def loss_json(loss: TrainingLoss) -> types.Loss:
    """The losses of a step as JSON."""
    return {
        "step": loss.step,
        "content": loss.content,
        "style": loss.style,
        "tv": loss.tv,
        "total": loss.total,
    }


def sample_json(file: JobFile) -> types.Sample:
    """A sample picture of a training as JSON."""
    url = f"/v1/jobs/{file.job_id}/samples/{file.position}"
    return {"step": file.position, **_blob(file.blob), "url": url}


def error_json(job: Job) -> types.JobError | None:
    """The error of the last attempt. An earlier attempt's error is none of a job that succeeded."""
    return None if job.status == JobStatus.SUCCEEDED else cast(types.JobError | None, job.error)


@overload
def time_json(value: datetime) -> str: ...
@overload
def time_json(value: datetime | None) -> str | None: ...
def time_json(value: datetime | None) -> str | None:
    """A time as ISO 8601 text: UTC, in milliseconds."""
    return None if value is None else value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
