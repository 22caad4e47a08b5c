"""The stored sum of an owner's files is what the files add up to, whatever is added and deleted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from jobs.blobs.rows import store_blob
from jobs.blobs.usage import MAX_AGE_SECONDS, add_usage, compute_usage, discard_usage, usage_of
from jobs.db.engine import now
from jobs.db.models.jobs import JobFile
from jobs.db.models.owners import Owner
from jobs.media.pictures import PictureInfo, Upload
from jobs.queue import lifecycle
from jobs.service import JobService

Picture = Callable[..., bytes]
Submit = Callable[..., Any]
INFO = PictureInfo(media_type="image/png", width=8, height=8)


@pytest.fixture
def limited(service: JobService) -> JobService:
    service.settings = service.settings.model_copy(update={"max_mb_per_owner": 1_000})
    return service.for_owner("ann")


def sums(service: JobService) -> tuple[int, int]:
    """The sum in use, and the sum computed anew."""
    with service.sessions() as session:
        return usage_of(session, "ann").size, compute_usage(session, "ann")


def stored(service: JobService) -> int | None:
    with service.sessions() as session:
        return session.get_one(Owner, "ann").stored_bytes


def finish(service: JobService, job_id: str, data: bytes) -> None:
    """What a worker does at the end of a run."""
    sha256 = store_blob(service.sessions, service.storage, data, INFO)
    with service.sessions.begin() as session:
        run = lifecycle.claim(session, "stylize", "w", 60)
        assert run is not None
        lifecycle.succeed(session, run, {})
        add_usage(session, "ann", [sha256])
        session.add(
            JobFile(job_id=job_id, direction="output", role="result", position=0, sha256=sha256)
        )


def test_the_sum_follows_every_addition(limited: JobService, submit: Submit, picture: Picture) -> None:
    job = submit(owner="ann", seed=1)
    assert stored(limited) == sums(limited)[1] > 0
    submit(owner="ann", seed=1, use_cache=False)  # the same files again
    limited.uploads.add(Upload(data=picture(8, 8, seed=5), field="file", name="f"))
    limited.styles.add(Upload(data=picture(8, 8, seed=6), field="file", name="f"), title="Mine")
    limited.styles.add(Upload(data=picture(8, 8, seed=6), field="file", name="f"), title="Again")
    assert stored(limited) == sums(limited)[1]
    finish(limited, job.id, b"an output")
    finish(limited, submit(owner="ann", seed=2).id, b"an output")
    assert stored(limited) == sums(limited)[1]


def test_a_deletion_discards_the_sum(limited: JobService, submit: Submit, picture: Picture) -> None:
    job = submit(owner="ann", seed=3)
    upload = limited.uploads.add(Upload(data=picture(8, 8, seed=5), field="file", name="f"))
    style = limited.styles.add(Upload(data=picture(8, 8, seed=6), field="file", name="f"), title="M")
    for delete, name in (
        (limited.delete, job.id),
        (limited.uploads.delete, upload.id),
        (limited.styles.delete, style.id),
    ):
        submit(owner="ann", seed=9, use_cache=False)
        before, _ = sums(limited)
        delete(name)
        after, computed = sums(limited)
        assert stored(limited) is None
        assert after == computed < before


def test_the_sum_is_used_until_it_is_old(limited: JobService, submit: Submit) -> None:
    submit(owner="ann", seed=1)
    with limited.sessions.begin() as session:
        session.execute(update(Owner).values(stored_bytes=123))
    used, computed = sums(limited)
    assert used == 123 != computed
    with limited.sessions.begin() as session:
        old = now(session) - timedelta(seconds=MAX_AGE_SECONDS + 1)
        session.execute(update(Owner).values(stored_bytes_at=old))
    assert sums(limited) == (computed, computed)
    submit(owner="ann", seed=2)
    assert stored(limited) == sums(limited)[1]


def test_without_a_limit_no_sum_is_stored(service: JobService, submit: Submit) -> None:
    job = submit(owner="ann", seed=1)
    finish(service, job.id, b"an output")
    assert stored(service) is None
    with service.sessions.begin() as session:
        discard_usage(session)
    assert sums(service)[0] == sums(service)[1] > 0
