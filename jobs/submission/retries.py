"""Retries: a new submission with the request of a failed or canceled job."""

from __future__ import annotations

from jobs.db.models.jobs import Job
from jobs.params.handling import Handling
from jobs.params.kinds import validate_params
from jobs.submission.validation import Submission, check_idempotency_key, hash_request
from jobs.webhooks.webhook import Webhook


def make_retry(
    job: Job, *, owner: str, idempotency_key: str | None, request_id: str | None = None
) -> Submission:
    """A submission with the parameters, inputs and webhook of `job`.

    Its deadline and expiry are counted from now. Raises `InvalidParamsError` if this release no longer
    accepts the parameters.
    """
    check_idempotency_key(idempotency_key)
    expires_in = (
        None if job.expires_at is None else int((job.expires_at - job.created_at).total_seconds())
    )
    cancel_after = (
        None if job.cancel_at is None else int((job.cancel_at - job.created_at).total_seconds())
    )
    # Not validated again: the limits of the service may have changed since the first submit.
    handling = Handling.model_construct(
        priority=job.priority,
        cancel_after=cancel_after,
        use_cache=job.use_cache,
        expires_in=expires_in,
    )
    return Submission(
        kind=job.kind,
        params=validate_params(job.kind, job.params),
        files={},
        inputs=[(file.role, file.sha256) for file in job.inputs],
        handling=handling,
        owner=owner,
        idempotency_key=idempotency_key,
        request_hash=hash_request(["retry", job.id]),
        retried_from=job.id,
        request_id=request_id,
        webhook=_webhook_of(job),
    )


def _webhook_of(job: Job) -> Webhook | None:
    if job.webhook_url is None:
        return None
    return Webhook(url=job.webhook_url, events=tuple((job.webhook_events or "").split()))
