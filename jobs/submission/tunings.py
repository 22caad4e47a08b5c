"""Tunings of registered styles: the request for the job, and the newest job of a style."""

from __future__ import annotations

import re
import unicodedata

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.db.models.catalog import Style
from jobs.db.models.jobs import Job, JobFile
from jobs.params.train import StyleTuning
from jobs.queue.status import FINAL
from jobs.submission.request import JobRequest
from jobs.submission.validation import hash_request


def find_newest_tuning(session: Session, owner: str, style: Style) -> Job | None:
    """The newest tuning of the owner to the picture of a style, whatever its status."""
    of_style = (JobFile.role == "style", JobFile.sha256 == style.sha256)
    found = (
        select(Job)
        .join(JobFile, JobFile.job_id == Job.id)
        .where(Job.owner == owner, Job.kind == "train", *of_style)
        .order_by(Job.created_at.desc())
    )
    jobs = session.scalars(found).unique()
    return next((job for job in jobs if job.params.get("recipe") == "tune"), None)


def is_active(job: Job | None) -> bool:
    """Whether there is a job, and it has not ended."""
    return job is not None and job.status not in FINAL


def tuning_request(
    style: Style, settings: StyleTuning, newest: Job | None, *, request_id: str | None = None
) -> JobRequest:
    """The request for the job that tunes a network to `style`.

    `newest` is the tuning before this one. Two requests at the same moment get the same key, and so
    make one job.
    """
    given = settings.model_dump(mode="json", exclude_unset=True)
    key = hash_request([style.id, given, None if newest is None else newest.id])
    return JobRequest(
        kind="train",
        params={"name": network_name(style), **given, "recipe": "tune"},
        style_id=style.id,
        idempotency_key=f"tune-{key}",
        request_id=request_id,
    )


def network_name(style: Style) -> str:
    """A name for the network of a style: its title in letters, digits and dashes, else its id."""
    plain = unicodedata.normalize("NFKD", style.title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or style.id
    return f"own-{slug}"[:64].rstrip("-")
