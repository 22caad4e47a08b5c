"""Batches: one job for every content in every style, submitted all or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from jobs.db.engine import SessionFactory, new_id, reading
from jobs.db.models.jobs import Batch, Job
from jobs.db.transactions import run_transaction
from jobs.errors import InvalidParamsError, NotFoundError
from jobs.media.pictures import CheckedFile, Upload
from jobs.params.inputs import InputCatalog
from jobs.params.kinds import KINDS, find_kind
from jobs.queue import lifecycle
from jobs.queue.status import FINAL, JobStatus
from jobs.settings import Settings
from jobs.submission.intake import Intake
from jobs.submission.request import BatchRequest
from jobs.submission.validation import (
    find_network,
    hash_request,
    resolve_inputs,
    start_picture_check,
    validate_fields,
)
from jobs.webhooks.webhook import find_webhook


@dataclass(frozen=True, kw_only=True)
class BatchInfo:
    """A batch, and the number of its jobs of each status."""

    batch: Batch
    counts: dict[str, int]

    @property
    def total(self) -> int:
        """The number of jobs."""
        return sum(self.counts.values())

    @property
    def done(self) -> bool:
        """Whether all jobs have ended."""
        return all(status in FINAL for status, count in self.counts.items() if count)


class Batches:
    """Submits, reads and cancels the batches of one owner."""

    def __init__(
        self,
        settings: Settings,
        sessions: SessionFactory,
        intake: Intake,
        catalog: InputCatalog,
        owner: str,
    ) -> None:
        self._owner = owner
        self._settings = settings
        self._sessions = sessions
        self._intake = intake
        self._catalog = catalog

    def submit(self, request: BatchRequest) -> BatchInfo:
        """Validate the request, then submit a job for each content in each style, in this order.

        An invalid request stores nothing. A second request with the same key returns the same batch.
        Raises a `JobsError`.
        """
        contents, styles, style_ids = request.contents, request.styles, request.style_ids
        self._check_size(contents, styles, style_ids)
        # Everything but the pictures is the same for every job; each picture is checked once.
        if not find_kind(request.kind).takes_batches:
            able = ", ".join(name for name, kind in KINDS.items() if kind.takes_batches)
            raise InvalidParamsError([("kind", f"A batch has {able} jobs only.")])
        webhook = find_webhook(self._settings, self._sessions, self._owner, request.handling)
        common = validate_fields(request, owner=self._owner, webhook=webhook)
        limits = self._settings.decode_limits
        # All checks start before the first is waited for, so that they run in parallel.
        started = [start_picture_check(upload, limits) for upload in (*contents, *styles)]
        checked = [finish() for finish in started]
        photos, style_pictures = checked[: len(contents)], checked[len(contents) :]
        style_choices: list[tuple[dict[str, CheckedFile], str | None]] = [
            *(({"style": picture}, None) for picture in style_pictures),
            *(({}, style_id) for style_id in style_ids),
        ]
        network = find_network(common.params, self._catalog)
        submissions = []
        for photo in photos:
            for style, style_id in style_choices or [({}, None)]:
                files = {"content": photo, **style}
                params, inputs = resolve_inputs(
                    request.kind, common.params, style_id, files, self._catalog, network
                )
                submissions.append(
                    replace(common, params=params, files=files, inputs=inputs, idempotency_key=None)
                )
        pictures = [submission.inputs for submission in submissions]
        request_hash = hash_request([common.request_hash, pictures])
        duplicate = self._find_duplicate(request.idempotency_key, request_hash)
        if duplicate is not None:
            return duplicate
        batch = Batch(
            id=new_id(),
            owner=self._owner,
            idempotency_key=request.idempotency_key,
            request_hash=request_hash,
        )
        try:
            self._intake.store_all(submissions, batch)
        except IntegrityError:
            duplicate = self._find_duplicate(request.idempotency_key, request_hash)
            if duplicate is None:
                raise
            return duplicate
        return self.get(batch.id)

    def _check_size(
        self, contents: Sequence[Upload], styles: Sequence[Upload], style_ids: Sequence[str]
    ) -> None:
        if not contents:
            raise InvalidParamsError([("content", "Photos are needed: send file fields content.")])
        style_count = len(styles) + len(style_ids) or 1
        max_jobs = self._settings.max_batch_jobs
        if len(contents) * style_count > max_jobs:
            detail = (
                f"{len(contents)} photos in {style_count} styles are too many; a batch has at most "
                f"{max_jobs} jobs."
            )
            raise InvalidParamsError([("content", detail)])

    def _find_duplicate(self, key: str | None, request_hash: str) -> BatchInfo | None:
        if key is None:
            return None
        with reading(self._sessions) as session:
            found = session.scalars(
                select(Batch).where(Batch.owner == self._owner, Batch.idempotency_key == key)
            ).one_or_none()
        if found is None:
            return None
        if found.request_hash != request_hash:
            raise InvalidParamsError(
                [("Idempotency-Key", "This key was used for another batch; use a new one.")]
            )
        return self.get(found.id)

    def get(self, batch_id: str) -> BatchInfo:
        """A batch of this owner. Raises `NotFoundError`."""
        with reading(self._sessions) as session:
            batch = session.get(Batch, batch_id)
            if batch is None or batch.owner != self._owner:
                raise NotFoundError(f"There is no batch {batch_id[:64]}.")
            counted = session.execute(
                select(Job.status, func.count()).where(Job.batch_id == batch_id).group_by(Job.status)
            ).all()
        counts = {str(status): 0 for status in JobStatus}
        return BatchInfo(batch=batch, counts=counts | dict(counted))

    def cancel(self, batch_id: str) -> BatchInfo:
        """Request that all jobs of a batch stop; ended jobs are unchanged."""
        self.get(batch_id)

        def cancel_all(session: Session) -> None:
            unfinished = session.scalars(
                select(Job.id)
                .where(
                    Job.batch_id == batch_id,
                    Job.status.in_([JobStatus.QUEUED, JobStatus.RUNNING]),
                )
                # Rows are locked in one order, so that two cancels can't deadlock.
                .order_by(Job.id)
            ).all()
            for job_id in unfinished:
                lifecycle.cancel(session, job_id)

        run_transaction(self._sessions, cancel_all)
        return self.get(batch_id)
