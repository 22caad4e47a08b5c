"""Renders with bundled tuned networks: the style is in the network, and the row names it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from support.submitting import submit_job

from jobs.db.models.jobs import Job
from jobs.media.pictures import Upload
from jobs.service import JobService
from worker import execution
from worker.context import WorkerContext
from worker.engines import Engines

Paint = Callable[..., Job]


@pytest.fixture
def paint(context: WorkerContext, service: JobService, picture: Callable[..., bytes]) -> Paint:
    service.styles.register_gallery()

    def one(**params: Any) -> Job:
        content = Upload(data=picture(), field="content", name="content")
        job = submit_job(service, "stylize", params, content=content, style_id="night-oils")
        execution.run_next(context, "stylize", "w1")
        return service.get(job.id)

    return one


def test_the_row_names_the_network_that_painted(paint: Paint, service: JobService) -> None:
    tuned, slim = paint(alpha=1.0), paint(alpha=1.0, network="slim")

    assert (tuned.status, slim.status) == ("succeeded", "succeeded")
    assert tuned.params["network"] == "tuned-night-oils"
    assert (tuned.metrics or {})["network"] == "tuned-night-oils"
    assert "tuned-night-oils" in (tuned.network_version or "")
    assert service.output(tuned.id)[1] != service.output(slim.id)[1]


def test_a_second_job_has_the_result_of_the_first(paint: Paint, context: WorkerContext) -> None:
    context.record_versions()
    first, second = paint(alpha=0.9), paint(alpha=0.9)
    assert second.cached
    assert [file.sha256 for file in second.outputs] == [file.sha256 for file in first.outputs]


def test_fingerprints_of_the_table_are_those_of_the_files(context: WorkerContext) -> None:
    engines: Engines = context.engines
    from nst_core.networks.registry import network_file

    digest = hashlib.sha256(network_file("tuned-night-oils").read_bytes()).hexdigest()
    assert engines.fingerprint("tuned-night-oils").endswith(digest[:32])
