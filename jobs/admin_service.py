"""Use cases of operators: jobs of all owners, and the workers."""

from __future__ import annotations

from typing import Unpack

from jobs.db.engine import reading
from jobs.db.models.jobs import Job
from jobs.operations.history import ended_jobs
from jobs.queue.listing import Filters, JobPage, find_page
from jobs.queue.workers import WorkerInfo, list_workers
from jobs.service import JobService


class AdminService:
    """Lists, cancels and retries jobs of every owner, and lists workers."""

    def __init__(self, service: JobService) -> None:
        self._service = service

    def workers(self) -> list[WorkerInfo]:
        """Worker processes with a heartbeat or a lease, by name."""
        with reading(self._service.sessions) as session:
            return list_workers(session, self._service.settings.heartbeat_seconds)

    def ended_jobs(self) -> dict[str, list[int]]:
        """Final status → numbers of jobs that ended with it, in the steps of the last hour."""
        with reading(self._service.sessions) as session:
            return ended_jobs(session)

    def page(self, owner: str | None, **filters: Unpack[Filters]) -> JobPage:
        """A page of the jobs of one owner, or of all (None), newest first."""
        with reading(self._service.sessions) as session:
            return find_page(session, owner, **filters)

    def cancel(self, job_id: str) -> Job:
        """Request that a job stops. Raises `NotFoundError`."""
        return self._service.for_owner_of_job(job_id).cancel(job_id)

    def retry(self, job_id: str, *, idempotency_key: str | None, request_id: str | None) -> Job:
        """Retry a job for its owner. Raises `NotFoundError`, `ConflictError` or another `JobsError`."""
        owner_service = self._service.for_owner_of_job(job_id)
        return owner_service.retry(job_id, idempotency_key=idempotency_key, request_id=request_id)
