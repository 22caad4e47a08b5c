"""Networks of others, taken over and uploaded, paint as jobs."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from support.foreign_networks import fast_neural_style
from support.submitting import submit_job

from jobs.media.pictures import Upload
from jobs.queue.lifecycle import JobStatus
from jobs.service import JobService
from nst_core.images.picture import to_pixels, to_tensor
from nst_core.networks.files import save_network
from nst_core.networks.foreign import import_network
from worker import execution
from worker.context import WorkerContext


def test_a_photo_through_an_imported_network(
    context: WorkerContext, service: JobService, picture: Callable[..., bytes], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    torch.save(fast_neural_style(), tmp_path / "candy.pth")
    network = import_network(tmp_path / "candy.pth")
    file = save_network(network, tmp_path / "candy.safetensors")
    service.networks.add_file(file.read_bytes(), name="candy")

    photo = Upload(data=picture(64, 48), field="content", name="content")
    params = {"network": "candy", "alpha": 1.0, "format": "png"}
    job = submit_job(service, "stylize", params, content=photo)
    execution.run_next(context, "stylize", "w")
    job = service.get(job.id)
    assert job.status == JobStatus.SUCCEEDED, job.error
    found = np.array(Image.open(io.BytesIO(service.output(job.id)[1])).convert("RGB"))
    with torch.inference_mode():
        source = np.array(Image.open(io.BytesIO(picture(64, 48))).convert("RGB"))
        expected = to_pixels(network(to_tensor(source)))
    assert np.abs(found.astype(int) - expected).max() <= 1
