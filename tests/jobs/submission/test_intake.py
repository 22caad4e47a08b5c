from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, inspect, select

from jobs.db.models.blobs import Blob
from jobs.db.models.jobs import Job
from jobs.errors import UnusablePictureError
from jobs.media.limits import DecodeLimits
from jobs.media.sandbox import check_picture, submit_picture_check
from jobs.service import JobService

Picture = Callable[..., bytes]


def columns(job: Job) -> dict[str, Any]:
    return {name: getattr(job, name) for name in inspect(Job).column_attrs.keys()}  # noqa: SIM118


def files(job: Job) -> list[tuple[Any, ...]]:
    return [
        (
            (file.direction, file.role, file.position),
            (file.blob.sha256, file.blob.media_type, file.blob.size),
            (file.blob.width, file.blob.height),
        )
        for file in job.files
    ]


@pytest.mark.parametrize("arguments", [{}, {"cancel_after": 60, "priority": 3}, {"expires_in": 3600}])
def test_a_job_that_was_taken_is_as_if_it_had_been_read(
    service: JobService, submit: Callable[..., Job], arguments: dict[str, Any]
) -> None:
    taken = submit(**arguments)
    read = service.get(taken.id)

    assert columns(taken) == columns(read)
    assert files(taken) == files(read)
    assert len(files(taken)) == 2


def test_the_same_picture_twice_in_a_request_is_one_blob(
    service: JobService, submit: Callable[..., Job]
) -> None:
    job = submit(seed=4, style_seed=4)

    assert len({file.sha256 for file in job.inputs}) == 1
    with service.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Blob)) == 1


def test_pictures_are_checked_side_by_side(picture: Picture) -> None:
    limits = DecodeLimits(pixels=10**6, megabytes=1000, seconds=20.0, processes=2)
    good, bad = picture(seed=1), picture(seed=2)[:-30]

    finish_bad = submit_picture_check(bad, limits, name="bad.png", pointer="style")
    finish_good = submit_picture_check(good, limits, name="good.png")

    # In whichever order they are asked for, each says its own.
    assert finish_good() == check_picture(good, limits, name="good.png")
    with pytest.raises(UnusablePictureError, match=r"bad\.png") as raised:
        finish_bad()
    assert raised.value.pointer == "style"
