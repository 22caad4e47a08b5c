"""Jobs of the kind `stylize`: pictures, controls, files and caches."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image
from sqlalchemy import func, select
from support.submitting import submit_job

from jobs.db.models.catalog import StyleStatistics
from jobs.db.models.jobs import Job
from jobs.media.pictures import Upload
from jobs.queue.lifecycle import JobStatus
from jobs.service import JobService
from worker import execution
from worker.context import WorkerContext

pillow_heif.register_heif_opener()


def photo(mode: str, format_: str, orientation: int = 1) -> bytes:
    """A picture of noise, 400 × 300 pixels in the file."""
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, len(mode)), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    Image.fromarray(noise, mode).save(out, format_, exif=exif)
    return out.getvalue()


def deep() -> bytes:
    """A grey PNG of 16 bits."""
    out = io.BytesIO()
    levels = np.random.default_rng(1).integers(0, 65_536, (60, 80), np.uint16)
    Image.fromarray(levels).save(out, "PNG")
    return out.getvalue()


FILES = {
    "a JPEG on its side": photo("RGB", "JPEG", orientation=6),
    "a CMYK JPEG": photo("CMYK", "JPEG"),
    "a PNG with alpha": photo("RGBA", "PNG"),
    "a PNG of 16 bits": deep(),
    "a HEIC": photo("RGB", "HEIF"),
}


def run(context: WorkerContext) -> None:
    assert execution.run_next(context, "stylize", "w1") is not None


def pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def mask(width: int = 48, height: int = 32) -> bytes:
    """White on the right half."""
    out = io.BytesIO()
    light = np.zeros((height, width), np.uint8)
    light[:, width // 2 :] = 255
    Image.fromarray(light).save(out, "PNG")
    return out.getvalue()


def test_a_job_is_stylised(
    context: WorkerContext, service: JobService, submit: Callable[..., str], picture: Any
) -> None:
    job_id = submit(alpha=1.0)

    run(context)

    job = service.get(job_id)
    blob, data = service.output(job_id)
    assert job.status == JobStatus.SUCCEEDED
    assert (blob.media_type, blob.width, blob.height) == ("image/png", 48, 32)
    assert pixels(data).shape == (32, 48, 3)
    assert np.abs(pixels(data) - pixels(picture())).mean() > 3
    assert job.metrics is not None
    assert job.metrics["network"] == "slim"
    assert job.metrics["run_s"] >= job.metrics["render_s"] > 0


def test_alpha_zero_gives_the_photo_back(
    context: WorkerContext, service: JobService, submit: Callable[..., str], picture: Any
) -> None:
    job_id = submit(alpha=0.0)
    run(context)

    assert (pixels(service.output(job_id)[1]) == pixels(picture())).all()


def test_size_and_format(
    context: WorkerContext, service: JobService, submit: Callable[..., str]
) -> None:
    job_id = submit(size=96, format="jpeg")
    run(context)

    blob, _ = service.output(job_id)
    assert (blob.media_type, blob.width, blob.height) == ("image/jpeg", 96, 64)


def test_a_strip_has_an_output_for_each_strength(
    context: WorkerContext, service: JobService, submit: Callable[..., str], picture: Any
) -> None:
    job_id = submit(alphas=[0, 0.5, 1])
    run(context)

    job = service.get(job_id)
    outputs = [pixels(service.output(job_id, index)[1]) for index in range(3)]
    assert len(job.outputs) == 3
    assert (outputs[0] == pixels(picture())).all()
    far = [np.abs(output - outputs[0]).mean() for output in outputs]
    assert 0 == far[0] < far[1] < far[2]


def test_a_region_keeps_the_photo_and_another_has_its_own_style(
    context: WorkerContext, service: JobService, submit: Callable[..., str], picture: Any
) -> None:
    everywhere = picture(seed=5)
    parts = {"right": mask(), "other": everywhere}
    plain, kept, other = (
        submit(alpha=1.0, named_files=chosen, regions=regions)
        for chosen, regions in (
            ({}, []),
            ({"right": parts["right"]}, [{"mask": "right", "alpha": 0}]),
            (parts, [{"mask": "right", "file": "other"}]),
        )
    )
    for _ in range(3):
        run(context)

    whole, part, styled = (pixels(service.output(job)[1]) for job in (plain, kept, other))
    assert (part[:, 24:] == pixels(picture())[:, 24:]).all()
    assert np.abs(part[:, :24] - whole[:, :24]).max() <= 1
    assert np.abs(styled[:, :24] - whole[:, :24]).max() <= 1
    assert np.abs(styled[:, 24:] - whole[:, 24:]).mean() > 1


def test_a_mix_lies_between_its_styles(
    context: WorkerContext, service: JobService, submit: Callable[..., str], picture: Any
) -> None:
    parts = {"one": picture(seed=1), "two": mask()}
    shares = [[1, 0], [0, 1], [1, 1]]
    jobs = [
        submit(
            alpha=1.0,
            named_files=parts,
            styles=[{"file": "one", "weight": one}, {"file": "two", "weight": two}],
        )
        for one, two in shares
    ]
    jobs.append(submit(alpha=1.0))
    for _ in jobs:
        run(context)

    one, two, both, alone = (pixels(service.output(job)[1]) for job in jobs)
    assert (one == alone).all()
    assert np.abs(both - one).mean() < np.abs(two - one).mean()
    assert np.abs(both - two).mean() < np.abs(two - one).mean()


def test_statistics_of_matched_colours_are_not_taken_for_others(
    context: WorkerContext, service: JobService, submit: Callable[..., str], picture: Any
) -> None:
    other_photo = picture(seed=9)[:]
    style, matched, again, back = (
        submit(alpha=1.0),
        submit(alpha=1.0, color="match"),
        submit(content=other_photo, alpha=1.0, color="match"),
        submit(alpha=1.0),
    )
    for _ in range(4):
        run(context)

    made = [service.output(job)[1] for job in (style, matched, again, back)]
    assert made[0] == made[3]
    assert len(set(made)) == 3
    cached = [(service.get(job).metrics or {})["style_cached"] for job in (style, matched, again, back)]
    assert cached == [False, False, False, True]
    with service.sessions() as session:
        assert session.scalar(select(func.count()).select_from(StyleStatistics)) == 1


def test_a_file_records_its_settings_only_when_asked(
    context: WorkerContext, service: JobService, submit: Callable[..., str]
) -> None:
    silent, telling = submit(format="png"), submit(format="png", metadata=True, stroke=4, alphas=[0.3])
    for _ in range(2):
        run(context)

    with Image.open(io.BytesIO(service.output(silent)[1])) as image:
        assert "Comment" not in image.text
    with Image.open(io.BytesIO(service.output(telling)[1])) as image:
        settings = json.loads(image.text["Comment"])
    assert (settings["alpha"], settings["stroke"], settings["color"]) == (0.3, 4, "style")


def test_a_style_is_encoded_once(
    context: WorkerContext, service: JobService, submit: Callable[..., str]
) -> None:
    first, second = submit(), submit()
    run(context)
    context.statistics._cache.clear()  # as after a restart: SQL remembers
    run(context)

    metrics = [service.get(job_id).metrics or {} for job_id in (first, second)]
    assert [figures["style_cached"] for figures in metrics] == [False, True]
    assert (service.output(first)[1]) == (service.output(second)[1])
    with service.sessions() as session:
        assert session.scalar(select(func.count()).select_from(StyleStatistics)) == 1


def test_a_job_that_ran_out_of_memory_is_done_in_tiles_and_says_so(
    context: WorkerContext,
    service: JobService,
    submit: Callable[..., str],
    picture: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch

    from nst_core.runtimes.pytorch import TorchRuntime

    expected = submit(picture(420, 400), alpha=1.0)
    run(context)
    encode = TorchRuntime.encode

    def scarce(self: TorchRuntime, image: torch.Tensor, weight: torch.Tensor | None = None) -> Any:
        if image.shape[2] * image.shape[3] > 330 * 330:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return encode(self, image, weight)

    monkeypatch.setattr(TorchRuntime, "encode", scarce)
    job_id = submit(picture(420, 400), alpha=1.0, quality=91)
    run(context)
    after = submit(picture(64, 64), alpha=1.0)
    run(context)
    assert "notices" not in (service.get(after).metrics or {})
    with context.sessions() as session:
        job, reference = session.get(Job, job_id), session.get(Job, expected)
        assert job is not None
        assert reference is not None
        assert job.status == JobStatus.SUCCEEDED
        assert job.metrics is not None
        assert "tiles of 320 pixels" in job.metrics["notices"][-1]
        made, whole = (pixels(context.storage.get(one.outputs[0].sha256)) for one in (job, reference))
        assert np.abs(made - whole).max() <= 1


def test_owners_share_no_statistics(
    context: WorkerContext, service: JobService, picture: Callable[..., bytes]
) -> None:
    """Whether a style was cached would tell one owner which pictures another has."""
    made = []
    for owner in ("ada", "bob", "ada"):
        of_owner = service.for_owner(owner)
        pictures = {
            role: Upload(data=picture(seed=seed), field=role, name=role)
            for seed, role in enumerate(("content", "style"))
        }
        job = submit_job(of_owner, "stylize", {}, use_cache=False, **pictures)
        run(context)
        made.append((of_owner.get(job.id).metrics or {})["style_cached"])

    assert made == [False, False, True]


@pytest.mark.parametrize("name", FILES)
def test_a_photo_that_the_web_server_decoded_gives_the_same_bytes(
    context: WorkerContext, service: JobService, picture: Callable[..., bytes], name: str
) -> None:
    folder = context.settings.home / "decoded"
    content = Upload(data=FILES[name], field="content", name="content")
    style = Upload(data=picture(seed=1), field="style", name="style")
    outputs = []
    for handed_over in (True, False):
        job_id = submit_job(
            service,
            "stylize",
            {"alpha": 0.5, "size": 48},
            content=content,
            style=style,
            use_cache=False,
        ).id
        decoded = list(folder.iterdir())
        assert len(decoded) == 1
        if not handed_over:
            decoded[0].unlink()
        run(context)
        assert not list(folder.iterdir())
        outputs.append(service.get(job_id).outputs[0].sha256)

    assert outputs[0] == outputs[1]
