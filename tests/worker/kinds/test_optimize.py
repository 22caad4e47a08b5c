"""Optimisations as jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.submitting import submit_job

from jobs.media.pictures import Upload
from jobs.queue.lifecycle import JobStatus
from jobs.service import JobService
from worker import execution
from worker.context import WorkerContext

SMALL = {"size": "48", "steps": "3", "levels": "1"}


@pytest.fixture
def submit(service: JobService, picture: Callable[..., bytes]) -> Callable[..., Any]:
    def make(**params: Any) -> tuple[JobService, str]:
        job = submit_job(
            service,
            "optimize",
            {**SMALL, **params},
            content=Upload(data=picture(), field="content", name="content"),
            style=Upload(data=picture(seed=1), field="style", name="style"),
        )
        return service, job.id

    return make


def test_a_picture_is_optimised(context: WorkerContext, submit: Callable[..., Any]) -> None:
    service, job_id = submit()
    execution.run_next(context, "train", "w")

    job = service.get(job_id)
    assert job.status == JobStatus.SUCCEEDED, job.error
    blob, _ = service.output(job_id)
    assert (blob.media_type, max(blob.width, blob.height)) == ("image/png", 48)
    assert set(job.metrics["losses"]) >= {"content", "style"}
    assert [loss.step for loss in service.trainings.losses(job_id)][-1] == 3
    assert job.progress["step"] == job.progress["total"] == 3


def test_a_drain_puts_it_back(context: WorkerContext, submit: Callable[..., Any]) -> None:
    service, job_id = submit(steps="500")
    context.drain.begin()
    execution.run_next(context, "train", "w")

    job = service.get(job_id)
    assert (job.status, job.attempt) == (JobStatus.QUEUED, 0)


def test_what_is_cancelled_meanwhile_stops(
    context: WorkerContext, submit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    service, job_id = submit(steps="2000")
    from worker.progress import ProgressReporter

    report = ProgressReporter.report

    def cancel_first(self: ProgressReporter, *values: Any) -> None:
        report(self, *values)
        if service.get(job_id).cancel_requested_at is None:
            service.cancel(job_id)

    monkeypatch.setattr(ProgressReporter, "report", cancel_first)
    execution.run_next(context, "train", "w")

    assert service.get(job_id).status == JobStatus.CANCELED
