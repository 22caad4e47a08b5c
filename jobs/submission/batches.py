"""Batches: every content in every style, as jobs that are taken all or not at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from jobs.db.engine import SessionFactory, new_id, reading
from jobs.db.models.jobs import Batch, Job
from jobs.errors import InvalidParamsError, NotFoundError
from jobs.media.pictures import CheckedFile, Upload
from jobs.params.inputs import InputCatalog
from jobs.queue import lifecycle
from jobs.queue.status import FINAL, JobStatus
from jobs.settings import Settings
from jobs.submission.intake import Intake
from jobs.submission.validation import (
    hash_request,
    resolve_inputs,
    start_picture_check,
    validate_fields,
)
from jobs.webhooks.webhook import find_webhook


@dataclass(frozen=True, kw_only=True)
class BatchInfo:
    """A batch, and how many of its jobs have each status."""

    batch: Batch
    counts: dict[str, int]

    @property
    def total(self) -> int:
        """How many jobs it has."""
        return sum(self.counts.values())

    @property
    def done(self) -> bool:
        """Whether all its jobs have ended."""
        return all(status in FINAL for status, count in self.counts.items() if count)


class Batches:
    """The batches of one owner."""

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

    def submit(
        self,
        kind: str,
        values: dict[str, Any],
        *,
        contents: list[Upload],
        styles: list[Upload],
        style_ids: list[str],
        priority: int = 0,
        cancel_after: float | None = None,
        use_cache: bool = True,
        expires_in: int | None = None,
        idempotency_key: str | None = None,
        request_id: str | None = None,
        webhook_url: str | None = None,
        webhook_events: str | None = None,
    ) -> BatchInfo:
        """Check everything, then take a job for each content in each style: first content first.

        Nothing is kept unless all is well. The same request under the same key gives the same batch.
        Raises a `JobsError`.
        """
        self._check_size(contents, styles, style_ids)
        with reading(self._sessions) as session:
            webhook = find_webhook(self._settings, session, self._owner, webhook_url, webhook_events)
        # All but the pictures is the same for every job; each picture is checked once.
        common = validate_fields(
            kind,
            values,
            priority=priority,
            idempotency_key=idempotency_key,
            owner=self._owner,
            cancel_after=cancel_after,
            use_cache=use_cache,
            request_id=request_id,
            webhook=webhook,
            expires_in=expires_in,
        )
        limits = self._settings.decode_limits
        # All are begun before the first is waited for: they are decoded side by side.
        begun = [start_picture_check(upload, limits) for upload in (*contents, *styles)]
        checked = [finish() for finish in begun]
        photos, pictures_of_styles = checked[: len(contents)], checked[len(contents) :]
        looks: list[tuple[dict[str, CheckedFile], str | None]] = [
            *(({"style": picture}, None) for picture in pictures_of_styles),
            *(({}, style_id) for style_id in style_ids),
        ]
        if kind != "stylize":
            raise InvalidParamsError([("kind", "A batch is of stylize jobs.")])
        network = self._catalog.network(common.params["network"])
        submissions = []
        for photo in photos:
            for style, style_id in looks or [({}, None)]:
                files = {"content": photo, **style}
                inputs = resolve_inputs(
                    kind, common.params, style_id, files, self._catalog.style, network
                )
                submissions.append(replace(common, files=files, inputs=inputs, idempotency_key=None))
        pictures = [submission.inputs for submission in submissions]
        request_hash = hash_request([common.request_hash, pictures])
        earlier = self._earlier(idempotency_key, request_hash)
        if earlier is not None:
            return earlier
        batch = Batch(
            id=new_id(), owner=self._owner, idempotency_key=idempotency_key, request_hash=request_hash
        )
        try:
            self._intake.take(submissions, batch)
        except IntegrityError:
            earlier = self._earlier(idempotency_key, request_hash)
            if earlier is None:
                raise
            return earlier
        return self.get(batch.id)

    def _check_size(self, contents: list[Upload], styles: list[Upload], style_ids: list[str]) -> None:
        if not contents:
            raise InvalidParamsError([("content", "Photos are needed: send file fields content.")])
        looks, most = len(styles) + len(style_ids) or 1, self._settings.max_batch_jobs
        if len(contents) * looks > most:
            detail = f"{len(contents)} photos in {looks} styles are too many; a batch has {most} jobs."
            raise InvalidParamsError([("content", detail)])

    def _earlier(self, key: str | None, request_hash: str) -> BatchInfo | None:
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
        """A batch of the owner's. Raises `NotFoundError`."""
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
        """Ask for all its jobs to stop; those that have ended stay as they are."""
        self.get(batch_id)
        with self._sessions.begin() as session:
            unfinished = session.scalars(
                select(Job.id)
                .where(
                    Job.batch_id == batch_id,
                    Job.status.in_([JobStatus.QUEUED, JobStatus.RUNNING]),
                )
                # Everybody locks in one order, so that two cancels don't wait for each other.
                .order_by(Job.id)
            ).all()
            for job_id in unfinished:
                lifecycle.cancel(session, job_id)
        return self.get(batch_id)
