"""Videos as jobs."""

from __future__ import annotations

import io
import itertools
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import update
from support.patience import PATIENCE
from support.submitting import submit_job

from jobs.blobs.local import LocalStorage
from jobs.db.models.jobs import Job
from jobs.errors import JobsError, StorageError
from jobs.media.pictures import Upload
from jobs.queue.lifecycle import JobStatus
from jobs.service import JobService
from worker import execution
from worker.context import WorkerContext

av = pytest.importorskip("av")
pytest.importorskip("cv2")


@pytest.fixture
def clip(tmp_path: Path, picture: Callable[..., bytes]) -> Callable[..., bytes]:
    from tests.support.clips import pan, write_clip

    def make(count: int = 6, width: int = 64, height: int = 48) -> bytes:
        image = Image.open(io.BytesIO(picture(96, 72))).convert("RGB")
        return write_clip(tmp_path / "clip.mp4", pan(image, width, height, count)).read_bytes()

    return make


@pytest.fixture
def submit(
    service: JobService, clip: Callable[..., bytes], picture: Callable[..., bytes]
) -> Callable[..., str]:
    def make(content: bytes | None = None, **params: Any) -> str:
        content = clip() if content is None else content
        return submit_job(
            service,
            "video",
            params,
            content=Upload(data=content, field="content", name="content"),
            style=Upload(data=picture(seed=1), field="style", name="style"),
        ).id

    return make


@pytest.fixture
def held_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], threading.Event]:
    """Hold the painting at a frame until the event is set, so that no machine ends before the test."""
    from nst_core.video.painter import FramePainter

    # A video of some frames takes less than the second between two checks.
    monkeypatch.setattr("worker.progress.INTERVAL_SECONDS", 0.0)

    def hold(number: int) -> threading.Event:
        go_on, painted, real = threading.Event(), itertools.count(), FramePainter.paint

        def paint(self: FramePainter, *values: Any, **more: Any) -> Any:
            if next(painted) == number:
                assert go_on.wait(PATIENCE)
            return real(self, *values, **more)

        monkeypatch.setattr(FramePainter, "paint", paint)
        return go_on

    return hold


def until(holds: Callable[[], object], thread: threading.Thread) -> None:
    """Wait for something that a running worker does."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        assert thread.is_alive()
        time.sleep(0.02)


def test_a_video_is_rendered(
    context: WorkerContext, service: JobService, submit: Callable[..., str], clip: Callable[..., bytes]
) -> None:
    context.record_versions()
    sent = clip()
    job_id = submit(sent)
    execution.run_next(context, "train", "w")

    job = service.get(job_id)
    assert job.status == JobStatus.SUCCEEDED, job.error
    blob, data = service.output(job_id)
    assert (blob.media_type, blob.width, blob.height) == ("video/mp4", 64, 48)
    with av.open(io.BytesIO(data)) as video, av.open(io.BytesIO(sent)) as source:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
        before = [frame.to_ndarray(format="rgb24") for frame in source.decode(video=0)]
        assert len(frames) == len(before) == 6
        assert video.streams.audio
    assert abs(frames[3].astype(int) - before[3]).mean() > 4  # it was painted
    assert job.metrics is not None
    assert job.metrics["video"]["frames"] == 6
    assert not (context.settings.home / "videos" / job_id).exists()
    assert service.get(submit(sent)).cached


def test_what_can_not_be_stored_is_not_painted_again(
    context: WorkerContext,
    service: JobService,
    submit: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job_id = submit()
    calls = []

    def full(self: LocalStorage, path: Path, sha256: str) -> None:
        calls.append(sha256)
        raise StorageError("The file store failed: No space left on device.")

    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "put_file", full)
        execution.run_next(context, "train", "w")
    job = service.get(job_id)
    assert job.status == JobStatus.QUEUED
    assert job.error is not None
    assert job.error["code"] == "storage_unavailable"

    def never(*_: object, **__: object) -> None:
        raise AssertionError("it was painted already")

    monkeypatch.setattr("nst_core.video.painter.FramePainter.paint", never)
    with service.sessions.begin() as session:
        session.execute(update(Job).where(Job.id == job_id).values(run_at=Job.created_at))
    execution.run_next(context, "train", "w")

    job = service.get(job_id)
    assert job.status == JobStatus.SUCCEEDED, job.error
    assert [file.sha256 for file in job.outputs] == calls
    assert not (context.settings.home / "videos" / job_id).exists()


def test_a_video_through_a_trained_network(
    context: WorkerContext, service: JobService, clip: Callable[..., bytes], tmp_path: Path
) -> None:
    import torch

    from nst_core.images.picture import to_pixels, to_tensor
    from nst_core.networks.files import save_network
    from nst_core.networks.johnson import JohnsonNetwork

    torch.manual_seed(0)
    network = JohnsonNetwork().eval()
    file = save_network(network, tmp_path / "ink.safetensors")
    service.networks.add_file(file.read_bytes(), name="ink")
    params = {"network": "ink", "alpha": 1.0, "temporal": 0.0, "format": "png"}
    sent = Upload(data=clip(), field="content", name="content")
    job = submit_job(service, "video", params, content=sent)
    execution.run_next(context, "train", "w")

    job = service.get(job.id)
    assert job.status == JobStatus.SUCCEEDED, job.error
    with av.open(io.BytesIO(clip())) as source, torch.inference_mode():
        first = next(source.decode(video=0)).to_ndarray(format="rgb24")
        expected = to_pixels(network(to_tensor(first)))
    with zipfile.ZipFile(io.BytesIO(service.output(job.id)[1])) as archive:
        assert len(archive.namelist()) == 6
        painted = Image.open(io.BytesIO(archive.read(archive.namelist()[0]))).convert("RGB")
    assert abs(expected.astype(int) - painted).max() <= 3  # the reader's conversion to RGB is its own


def test_a_style_of_the_gallery_is_painted_by_its_tuned_network(
    context: WorkerContext, service: JobService, clip: Callable[..., bytes]
) -> None:
    service.styles.register_gallery()
    content = Upload(data=clip(), field="content", name="content")
    jobs = [
        submit_job(service, "video", {"alpha": 1.0, **params}, content=content, style_id="night-oils")
        for params in ({}, {"network": "slim"})
    ]
    for _ in jobs:
        execution.run_next(context, "train", "w1")
    tuned, slim = (service.get(job.id) for job in jobs)
    assert (tuned.status, slim.status) == (JobStatus.SUCCEEDED, JobStatus.SUCCEEDED), tuned.error
    assert tuned.params["network"] == "tuned-night-oils"
    assert service.output(tuned.id)[1] != service.output(slim.id)[1]


def test_a_mix_of_styles_lies_between_them(
    context: WorkerContext,
    service: JobService,
    clip: Callable[..., bytes],
    picture: Callable[..., bytes],
) -> None:
    frames = []
    for weights in ((1, 0), (1, 1), (0, 1)):
        files = {
            name: Upload(data=picture(seed=seed), field=name, name=name)
            for seed, name in ((1, "one"), (2, "two"))
        }
        styles = [{"file": name, "weight": weight} for name, weight in zip(files, weights, strict=True)]
        params = {"styles": styles, "alpha": 1.0, "format": "png", "end_s": 0.1}
        content = Upload(data=clip(), field="content", name="content")
        job = submit_job(service, "video", params, content=content, named_files=files)
        execution.run_next(context, "train", "w")
        assert service.get(job.id).status == JobStatus.SUCCEEDED, service.get(job.id).error
        with zipfile.ZipFile(io.BytesIO(service.output(job.id)[1])) as archive:
            image = Image.open(io.BytesIO(archive.read(archive.namelist()[0])))
            frames.append(np.array(image.convert("RGB")).astype(int))
    first, mixed, second = frames
    apart = np.abs(first - second).mean()
    assert apart > 1
    assert np.abs(mixed - first).mean() < apart
    assert np.abs(mixed - second).mean() < apart


def test_what_a_canceled_video_left_is_swept_by_the_next(
    context: WorkerContext, service: JobService, submit: Callable[..., str]
) -> None:
    job_id = submit()
    left = context.settings.home / "videos" / job_id
    left.mkdir(parents=True)
    service.cancel(job_id)
    submit(alpha="0.5")
    execution.run_next(context, "train", "w")

    assert not left.exists()


def test_frames_at_strength_zero_are_the_videos_own(
    context: WorkerContext, service: JobService, submit: Callable[..., str], clip: Callable[..., bytes]
) -> None:
    job_id = submit(alpha="0", format="png", end_s="0.1")
    execution.run_next(context, "train", "w")

    with av.open(io.BytesIO(clip())) as source:
        first = next(source.decode(video=0)).to_ndarray(format="rgb24")
    with zipfile.ZipFile(io.BytesIO(service.output(job_id)[1])) as archive:
        image = Image.open(io.BytesIO(archive.read(archive.namelist()[0])))
        assert abs(first.astype(int) - image.convert("RGB")).max() <= 2


def test_what_is_no_video_is_refused(submit: Callable[..., str], picture: Callable[..., bytes]) -> None:
    for data in (b"", b"no video", picture(), b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"):
        with pytest.raises(JobsError):
            submit(data)


def test_a_long_video_is_refused(
    context: WorkerContext,
    service: JobService,
    clip: Callable[..., bytes],
    picture: Callable[..., bytes],
) -> None:
    service.settings = service.settings.model_copy(update={"max_video_seconds": 0.1})
    with pytest.raises(JobsError, match="lasts"):
        submit_job(
            service,
            "video",
            {},
            content=Upload(data=clip(), field="content", name="content"),
            style=Upload(data=picture(), field="style", name="style"),
        )


def test_it_tells_how_far_it_is_and_a_cancel_ends_it_at_once(
    context: WorkerContext,
    service: JobService,
    submit: Callable[..., str],
    clip: Callable[..., bytes],
    held_at: Callable[[int], threading.Event],
) -> None:
    job_id = submit(clip(count=60, width=128, height=96))
    go_on = held_at(30)
    thread = threading.Thread(target=execution.run_next, args=(context, "train", "w"))
    thread.start()
    until(lambda: (service.get(job_id).progress or {}).get("step", 0) >= 2, thread)
    shown = service.get(job_id).progress
    assert shown is not None
    assert (shown["stage"], shown["total"]) == ("render", 60)
    left = (60 - shown["step"]) / shown["frames_per_second"]
    assert shown["eta_s"] == pytest.approx(left, rel=0.05, abs=0.2)
    until(lambda: service.trainings.samples(job_id), thread)
    (preview,) = service.trainings.samples(job_id)  # one: the newest takes the place of all before
    assert Image.open(io.BytesIO(context.storage.get(preview.sha256))).size == (128, 96)

    service.cancel(job_id)
    go_on.set()
    thread.join(PATIENCE)
    job = service.get(job_id)
    assert job.status == JobStatus.CANCELED
    assert not job.outputs
    assert job.progress is not None
    assert job.progress["step"] < 40


def test_an_output_beyond_the_limit_fails_with_a_sentence(
    context: WorkerContext, service: JobService, submit: Callable[..., str], clip: Callable[..., bytes]
) -> None:
    context.settings = context.settings.model_copy(update={"max_video_output_mb": 1})
    job_id = submit(clip(count=130, width=128, height=96), format="png", alpha="0")
    execution.run_next(context, "train", "w")
    job = service.get(job_id)
    assert (job.status, job.attempt) == (JobStatus.FAILED, 1)
    assert job.error is not None
    assert "more than the limit of 1 MB" in job.error["detail"]


def test_a_drained_video_goes_on_from_its_segments(
    context: WorkerContext,
    service: JobService,
    submit: Callable[..., str],
    clip: Callable[..., bytes],
    held_at: Callable[[int], threading.Event],
) -> None:
    job_id = submit(clip(count=200, width=128, height=96))
    go_on = held_at(140)  # a segment has 120 frames
    thread = threading.Thread(target=execution.run_next, args=(context, "train", "w"))
    thread.start()
    segments = context.settings.home / "videos" / job_id / "segments"
    until(lambda: list(segments.glob("segment_*.nut")), thread)
    context.drain.begin()
    go_on.set()
    thread.join(PATIENCE)
    job = service.get(job_id)
    assert (job.status, job.attempt) == (JobStatus.QUEUED, 0)

    context.drain = type(context.drain)()
    execution.run_next(context, "train", "w")
    job = service.get(job_id)
    assert job.status == JobStatus.SUCCEEDED, job.error
    assert job.metrics is not None
    assert job.metrics["video"]["frames"] == 200
    assert job.metrics["video"]["resumed_from"] > 0
