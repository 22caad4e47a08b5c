"""What must be true of the database and the storage once the storm is over."""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from faults.load import Accepted
from PIL import Image
from sqlalchemy import func, select
from support.patience import PATIENCE

from jobs.blobs.storage import BlobStorage, sha256_of
from jobs.db import counters
from jobs.db.engine import SessionFactory, reading
from jobs.db.models.jobs import Job, JobEvent
from jobs.db.models.operations import OutboxMessage
from jobs.queue.lifecycle import FINAL, TRANSITIONS, JobStatus


@dataclass
class Figures:
    """What a run of faults came to."""

    jobs: int
    again: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    leases_expired: int = 0
    claims_refused: int = 0
    writes_refused: int = 0

    def lines(self) -> Iterable[str]:
        yield f"jobs accepted, each ended once     {self.jobs}"
        yield f"jobs that took more than one run   {self.again}"
        for reason, count in sorted(self.reasons.items()):
            yield f"  back to the queue, {reason:<15} {count}"
        yield f"leases that ran out                {self.leases_expired}"
        yield f"double claims refused              {self.claims_refused}"
        yield f"writes of stale runs refused       {self.writes_refused}"


def check(sessions: SessionFactory, storage: BlobStorage, accepted: Accepted) -> Figures:
    """Every accepted job ended once with the one output that it should have; nothing is left over."""
    with reading(sessions) as session:
        jobs = {job.id: job for job in session.scalars(select(Job)).all()}
        events = session.scalars(
            select(JobEvent).where(JobEvent.type == "state").order_by(JobEvent.seq)
        ).all()
        figures = Figures(jobs=len(jobs))
        for name in ("leases_expired", "claims_refused", "writes_refused"):
            setattr(figures, name, counters.totals(session, name).get("", 0))
    assert set(jobs) == set(accepted.contents), "accepted and recorded jobs differ"
    _await_empty_outbox(sessions)
    histories: dict[str, list[JobEvent]] = {job_id: [] for job_id in jobs}
    for event in events:
        histories[event.job_id].append(event)
    for job in jobs.values():
        _check_history(job, histories[job.id])
        _check_output(job, storage, accepted.sizes[job.id])
        reasons = [event.data.get("reason") for event in histories[job.id]]
        figures.reasons.update(reason for reason in reasons if reason)
        figures.again += sum(event.data["status"] == "running" for event in histories[job.id]) > 1
    return figures


def _await_empty_outbox(sessions: SessionFactory, seconds: float = PATIENCE) -> None:
    """A retry's token waits for its backoff, though another may have woken the job before it."""
    deadline = time.monotonic() + seconds
    while True:
        with reading(sessions) as session:
            left = session.scalar(select(func.count()).select_from(OutboxMessage))
        if not left:
            return
        assert time.monotonic() < deadline, f"{left} tokens were never sent"
        time.sleep(0.2)


def _check_history(job: Job, events: list[JobEvent]) -> None:
    states = [event.data["status"] for event in events]
    drained = sum(event.data.get("reason") == "drained" for event in events)
    assert job.status == JobStatus.SUCCEEDED, (job.status, job.error)
    assert (job.lease_owner, job.lease_expires_at) == (None, None)
    assert states[0] == JobStatus.QUEUED
    for before, after in pairwise(states):
        assert JobStatus(after) in TRANSITIONS[JobStatus(before)], states
    ends = [state for state in states if JobStatus(state) in FINAL]
    assert ends == [job.status], states
    assert states.count("running") == job.attempt + drained, states


def _check_output(job: Job, storage: BlobStorage, size: int) -> None:
    assert [file.position for file in job.outputs] == [0]
    data = storage.get(job.outputs[0].sha256)
    assert sha256_of(data) == job.outputs[0].sha256
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (size, size * 3 // 4)


def check_pictures(
    sessions: SessionFactory, storage: BlobStorage, accepted: Accepted, style: bytes
) -> None:
    """Each output is the picture that the network makes of that job's own photo.

    Of the large ones, which take a second each, only two are made again.
    """
    from nst_core.images.picture import read_picture
    from nst_core.stylize.style_engine import StyleEngine

    engine = StyleEngine("slim", runtime="torch", device="cpu")
    statistics = engine.style_statistics(read_picture(style))
    with reading(sessions) as session:
        jobs = session.scalars(select(Job)).all()
    small = [job for job in jobs if accepted.sizes[job.id] <= 64]
    large = [job for job in jobs if accepted.sizes[job.id] > 64]
    for job in small + large[:2]:
        size = accepted.sizes[job.id]
        content = read_picture(accepted.contents[job.id], target_long_side=size)
        expected = engine.stylize(content, statistics, alpha=1.0, size=size).pixels.astype(int)
        with Image.open(io.BytesIO(storage.get(job.outputs[0].sha256))) as image:
            made = np.asarray(image.convert("RGB")).astype(int)
        assert np.abs(made - expected).max() <= 2, job.id
