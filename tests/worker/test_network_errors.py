"""Errors of networks, as the owner of a job sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from support.tests_support import network_file

from jobs.db.models.jobs import Job
from jobs.queue.lifecycle import JobStatus
from jobs.service import JobService
from worker import execution
from worker.context import WorkerContext


def test_a_network_without_weights_fails_with_a_sentence(
    context: WorkerContext, service: JobService, submit: Callable[..., str], monkeypatch: Any
) -> None:
    from nst_core.networks import registry

    monkeypatch.setattr(registry, "bundled_networks", lambda: {})
    context.engines._loaded.clear()
    job_id = submit()
    with service.sessions.begin() as session:
        session.get_one(Job, job_id).params = {**service.get(job_id).params, "network": "full"}

    execution.run_next(context, "stylize", "w1")

    job = service.get(job_id)
    assert job.status == JobStatus.FAILED
    assert job.error is not None
    assert job.error["retryable"] is False
    assert job.attempt == 1


def test_errors_of_a_network_name_no_folder_of_the_worker(
    context: WorkerContext, service: JobService, submit: Callable[..., str]
) -> None:
    service.networks.add_file(network_file("slim_adain"), name="odd")
    job_id = submit(network="odd")
    execution.run_next(context, "stylize", "w1")

    error = service.get(job_id).error or {}
    assert (error["code"], error["retryable"]) == ("unusable_input", False)
    assert "does not fit slim_adain" in error["detail"]
    assert "/" not in error["detail"].split(" does not fit")[0]
    assert str(context.settings.home) not in error["detail"]
