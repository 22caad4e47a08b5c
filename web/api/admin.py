"""`/v1/admin`: jobs of all owners, and workers, for operators."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, Response, jsonify, request

from atelier import types
from jobs.admin_service import AdminService
from jobs.db.models.jobs import Job
from jobs.operations.history import STEP_MINUTES
from jobs.queue.lifecycle import FINAL
from jobs.queue.workers import WorkerInfo, worker_name
from web.current import whole_service
from web.forms.queries import AdminJobQuery, read_query
from web.openapi.operation import IDEMPOTENCY_KEY, describe, returns
from web.request_ids import request_id
from web.serializers import error_json, time_json

blueprint = Blueprint("admin", __name__, url_prefix="/v1/admin")


@blueprint.get("/workers")
@describe("Operators", {200: returns(types.WorkerList, "The workers")})
def list_workers() -> Response:
    """List worker processes: busy, idle, or silent (no heartbeat)."""
    return jsonify({"workers": [_worker(view) for view in _admin_service().workers()]})


@blueprint.get("/history")
@describe("Operators", {200: returns(types.JobHistory, "The numbers")}, name="job_history")
def history() -> Response:
    """Count the jobs that ended in the last hour, by status, in steps of some minutes, oldest first."""
    return jsonify({"step_minutes": STEP_MINUTES, "ended": _admin_service().ended_jobs()})


@blueprint.get("/jobs")
@describe(
    "Operators",
    {200: returns(types.AdminJobPage, "A page")},
    query=AdminJobQuery,
    name="list_all_jobs",
    problems=(422,),
)
def list_jobs() -> Response:
    """List a page of all owners' jobs, newest first."""
    filters = read_query(AdminJobQuery).model_dump()
    page = _admin_service().page(filters.pop("owner"), **filters)
    return jsonify({"jobs": [_job(job) for job in page.jobs], "next": page.next})


@blueprint.post("/jobs/<job_id>/cancel")
@describe(
    "Operators",
    {
        202: returns(types.AdminJob, "Requested; it stops soon"),
        200: returns(types.AdminJob, "Ended, now or before"),
    },
    name="cancel_any",
    problems=(404,),
)
def cancel(job_id: str) -> tuple[Response, int]:
    """Cancel a job of any owner: 202 while it still runs, 200 when it has ended."""
    job = _admin_service().cancel(job_id)
    return jsonify(_job(job)), 200 if job.status in FINAL else 202


@blueprint.post("/jobs/<job_id>/retry")
@describe(
    "Operators",
    {202: returns(types.AdminJob, "Accepted"), 200: returns(types.AdminJob, "A cached result")},
    headers=(IDEMPOTENCY_KEY,),
    name="retry_any",
    problems=(404, 409, 422, 429, 503),
)
def retry(job_id: str) -> tuple[Response, int]:
    """Retry a failed or canceled job as a new job of the same owner."""
    key = request.headers.get("Idempotency-Key")
    job = _admin_service().retry(job_id, idempotency_key=key, request_id=request_id())
    return jsonify(_job(job)), 200 if job.status in FINAL else 202


def _admin_service() -> AdminService:
    return AdminService(whole_service())


def _job(job: Job) -> types.AdminJob:
    """A job without its pictures, which only its owner may see."""
    base = f"/v1/admin/jobs/{job.id}"
    return {
        "id": job.id,
        "owner": job.owner,
        "kind": cast(types.Kind, job.kind),
        "queue": job.queue,
        "status": cast(types.Status, job.status),
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "dead": job.dead,
        "paused": job.paused_at is not None,
        "priority": job.priority,
        "progress": cast(types.Progress | None, job.progress),
        "cancel_requested": job.cancel_requested_at is not None,
        "error": error_json(job),
        "worker": None if job.lease_owner is None else worker_name(job.lease_owner),
        "retried_from": job.retried_from,
        "created_at": time_json(job.created_at),
        "started_at": time_json(job.started_at),
        "finished_at": time_json(job.finished_at),
        "urls": {"cancel": f"{base}/cancel", "retry": f"{base}/retry"},
    }


def _worker(view: WorkerInfo) -> types.Worker:
    return {
        "name": view.name,
        "state": view.state,
        "queues": view.queues,
        "started_at": time_json(view.started_at),
        "seen_at": time_json(view.seen_at),
        "lease_expires_at": None if view.job is None else time_json(view.job.lease_expires_at),
        "job": None if view.job is None else _job(view.job),
    }
