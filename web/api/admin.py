"""`/v1/admin`: jobs of all owners, and workers, for operators."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from jobs.admin_service import AdminService
from jobs.db.models.jobs import Job
from jobs.errors import InvalidParamsError
from jobs.params.kinds import PARAMS
from jobs.queue.lifecycle import FINAL, JobStatus
from jobs.queue.workers import WorkerInfo, worker_name
from web.current import whole_service
from web.forms.fields import boolean, integer, one_of
from web.request_ids import request_id
from web.serializers import time_json

blueprint = Blueprint("admin", __name__, url_prefix="/v1/admin")

_FILTERS = {"status", "kind", "owner", "dead", "limit", "cursor"}


@blueprint.get("/workers")
def list_workers() -> Response:
    """List worker processes: busy, idle, or silent (no heartbeat)."""
    return jsonify({"workers": [_worker(view) for view in _admin_service().workers()]})


@blueprint.get("/jobs")
def list_jobs() -> Response:
    """List a page of all owners' jobs, newest first."""
    query = request.args
    unknown = set(query) - _FILTERS
    if unknown:
        raise InvalidParamsError([(name, "There is no such filter.") for name in sorted(unknown)])
    page = _admin_service().page(
        query.get("owner"),
        status=one_of("status", query.get("status"), list(JobStatus)),
        kind=one_of("kind", query.get("kind"), list(PARAMS)),
        dead=boolean("dead", query["dead"]) if "dead" in query else None,
        limit=integer("limit", query.get("limit", "20"), 1, 100),
        cursor=query.get("cursor"),
    )
    return jsonify({"jobs": [_job(job) for job in page.jobs], "next": page.next})


@blueprint.post("/jobs/<job_id>/cancel")
def cancel(job_id: str) -> tuple[Response, int]:
    """Cancel a job of any owner: 202 while it still runs, 200 when it has ended."""
    job = _admin_service().cancel(job_id)
    return jsonify(_job(job)), 200 if job.status in FINAL else 202


@blueprint.post("/jobs/<job_id>/retry")
def retry(job_id: str) -> tuple[Response, int]:
    """Retry a failed or canceled job as a new job of the same owner."""
    key = request.headers.get("Idempotency-Key")
    job = _admin_service().retry(job_id, idempotency_key=key, request_id=request_id())
    return jsonify(_job(job)), 200 if job.status in FINAL else 202


def _admin_service() -> AdminService:
    return AdminService(whole_service())


def _job(job: Job) -> dict[str, Any]:
    """A job without its pictures, which only its owner may see."""
    base = f"/v1/admin/jobs/{job.id}"
    return {
        "id": job.id,
        "owner": job.owner,
        "kind": job.kind,
        "queue": job.queue,
        "status": job.status,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "dead": job.dead,
        "paused": job.paused_at is not None,
        "priority": job.priority,
        "progress": job.progress,
        "cancel_requested": job.cancel_requested_at is not None,
        "error": None if job.status == JobStatus.SUCCEEDED else job.error,
        "worker": None if job.lease_owner is None else worker_name(job.lease_owner),
        "retried_from": job.retried_from,
        "created_at": time_json(job.created_at),
        "started_at": time_json(job.started_at),
        "finished_at": time_json(job.finished_at),
        "urls": {"cancel": f"{base}/cancel", "retry": f"{base}/retry"},
    }


def _worker(view: WorkerInfo) -> dict[str, Any]:
    return {
        "name": view.name,
        "state": view.state,
        "queues": view.queues,
        "started_at": time_json(view.started_at),
        "seen_at": time_json(view.seen_at),
        "lease_expires_at": None if view.job is None else time_json(view.job.lease_expires_at),
        "job": None if view.job is None else _job(view.job),
    }
