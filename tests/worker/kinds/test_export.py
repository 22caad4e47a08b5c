"""Exports as jobs: a file that another runtime runs, of a bundled and of a trained network."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.submitting import submit_job

from jobs.db.models.jobs import Job
from jobs.queue.lifecycle import JobStatus
from jobs.service import JobService
from nst_core.export import formats
from nst_core.export.formats import FORMATS
from nst_core.export.modules import open_exportable
from nst_core.networks.feed_forward import open_feed_forward
from nst_core.networks.files import save_network
from nst_core.networks.johnson import JohnsonNetwork
from worker import execution
from worker.context import WorkerContext


@pytest.fixture
def export(context: WorkerContext, service: JobService) -> Callable[..., Job]:
    def run(**params: Any) -> Job:
        job = submit_job(service, "export", params, content=None)
        execution.run_next(context, "train", "w")
        return service.get(job.id)

    return run


def test_a_trained_network_for_another_runtime(
    service: JobService, export: Callable[..., Job], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    trained = tmp_path / "ink.safetensors"
    save_network(JohnsonNetwork(), trained)
    service.networks.add_file(trained.read_bytes(), name="ink")

    job = export(network="ink@1", format="torchscript")
    assert job.status == JobStatus.SUCCEEDED, job.error
    assert job.metrics["report"]["passes"] is True
    assert "path" not in job.metrics["report"]
    blob, data = service.output(job.id)
    assert blob.media_type == "application/vnd.atelier.torchscript"
    written = tmp_path / "ink.pt"
    written.write_bytes(data)
    photo = np.random.default_rng(0).random((1, 3, 64, 96), np.float32)
    (painted,) = FORMATS["torchscript"].load(written)([photo])
    with torch.no_grad():
        wanted = open_feed_forward(trained)(torch.from_numpy(photo)).numpy()
    assert np.abs(painted - wanted).max() < 1e-4


def test_openvino_is_an_archive_and_made_once(
    context: WorkerContext, service: JobService, export: Callable[..., Job], tmp_path: Path
) -> None:
    pytest.importorskip("openvino")
    context.record_versions()  # as a worker does when it starts
    once = export(network="slim", format="openvino", precision="int8")
    assert once.status == JobStatus.SUCCEEDED, once.error
    blob, data = service.output(once.id)
    assert blob.media_type == "application/zip"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["slim.bin", "slim.xml"]
        archive.extractall(tmp_path)
    run = FORMATS["openvino"].load(tmp_path / "slim.xml")
    style = np.zeros((1, open_exportable("slim", "fp32").statistics_width), np.float32)
    photo = np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
    kept, _ = run([photo, style, np.zeros((1, 1), np.float32)])
    assert np.abs(kept - photo).max() < 1e-6  # strength 0 is the picture itself

    again = export(network="slim", format="openvino", precision="int8")
    assert (again.status, again.cached) == (JobStatus.SUCCEEDED, True)


@pytest.mark.exhaustive
def test_core_ml_is_an_archive_of_its_package(
    export: Callable[..., Job], service: JobService, tmp_path: Path
) -> None:
    pytest.importorskip("coremltools")
    job = export(network="slim", format="coreml")
    assert job.status == JobStatus.SUCCEEDED, job.error
    blob, data = service.output(job.id)
    assert blob.media_type == "application/zip"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {"slim.mlpackage/Manifest.json"} < set(archive.namelist())
        archive.extractall(tmp_path)
    photo = np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
    style = np.zeros((1, open_exportable("slim").statistics_width), np.float32)
    run = FORMATS["coreml"].load(tmp_path / "slim.mlpackage")
    kept, _ = run([photo, style, np.zeros((1, 1), np.float32)])
    assert np.abs(kept - photo).max() < 1e-6  # strength 0 is the picture itself


def test_a_missing_extra_is_named(export: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    job = export(network="slim", format="executorch")
    assert job.status == JobStatus.FAILED
    assert job.error["code"] == "unusable_input"
    assert "pip install 'atelier[executorch]'" in job.error["detail"]
    assert job.attempt == 1


def test_what_has_no_int8_says_so(
    service: JobService, export: Callable[..., Job], tmp_path: Path
) -> None:
    trained = tmp_path / "ink.safetensors"
    save_network(JohnsonNetwork(), trained)
    service.networks.add_file(trained.read_bytes(), name="ink")

    job = export(network="ink", format="onnx", precision="int8")
    assert job.status == JobStatus.FAILED
    assert job.error["code"] == "unusable_input"
    assert "int8" in job.error["detail"]
    assert job.attempt == 1
