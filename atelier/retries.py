"""Retry policy: which failed calls are sent again, and after which delay."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import sleep

import httpx
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_before_delay,
    wait_exponential,
)

from atelier.errors import ApiError

#: Statuses of a service that is busy or away for a moment.
RETRYABLE_STATUSES = frozenset({429, 502, 503, 504})
#: Statuses by which the service states that it did nothing, so that every call may be sent again.
NOT_PROCESSED_STATUSES = frozenset({429, 503})
INITIAL_DELAY_SECONDS = 0.25
MAX_DELAY_SECONDS = 8.0
#: A longer `Retry-After` is not waited for: the call fails at once.
MAX_RETRY_AFTER_SECONDS = 60.0

#: Called with the error of an attempt before the call is repeated.
OnRetry = Callable[[ApiError], None]

_BACKOFF = wait_exponential(multiplier=INITIAL_DELAY_SECONDS, max=MAX_DELAY_SECONDS)


class CallFailed(Exception):  # noqa: N818 - one attempt, not yet the error of the call
    """One failed attempt at a call.

    `retry_after` is the delay that the service asks for, in s; `refused`: no process of this machine
    listens at the address.
    """

    def __init__(
        self, error: ApiError, *, retryable: bool, retry_after: float = 0.0, refused: bool = False
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.retryable = retryable
        self.retry_after = retry_after
        self.refused = refused


def can_retry_error(error: httpx.TransportError, *, idempotent: bool) -> bool:
    """Whether a call without a response may be sent again.

    A call that is not idempotent is sent again only if it can't have reached the service.
    """
    return idempotent or isinstance(
        error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout
    )


def can_retry_response(response: httpx.Response, *, idempotent: bool) -> bool:
    """Whether a call with this response may be sent again."""
    if response.status_code not in (RETRYABLE_STATUSES if idempotent else NOT_PROCESSED_STATUSES):
        return False
    return retry_after_seconds(response) <= MAX_RETRY_AFTER_SECONDS


def retry_after_seconds(response: httpx.Response) -> float:
    """The seconds of the header `Retry-After`, written as a number or a date; 0 without one."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def policy(
    seconds: float, *, refused_seconds: float | None = None, on_retry: OnRetry | None = None
) -> Retrying:
    """Retries of `CallFailed` with exponential backoff and jitter, for `seconds` in all.

    A delay is at least the response's `Retry-After`. A retry that would begin later than `seconds`
    after the first attempt is not waited for; later than `refused_seconds`, if the attempt was refused.
    """

    def stop(state: RetryCallState) -> bool:
        failed = _failure(state)
        refused = failed is not None and failed.refused and refused_seconds is not None
        limit = min(seconds, refused_seconds or 0.0) if refused else seconds
        return stop_before_delay(limit)(state)

    def before_sleep(state: RetryCallState) -> None:
        failed = _failure(state)
        if on_retry is not None and failed is not None:
            on_retry(failed.error)

    return Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, CallFailed) and error.retryable),
        wait=_delay,
        stop=stop,
        sleep=lambda delay: sleep(delay),
        before_sleep=before_sleep,
        reraise=True,
    )


def _failure(state: RetryCallState) -> CallFailed | None:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, CallFailed) else None


def _delay(state: RetryCallState) -> float:
    """Seconds before the next attempt."""
    failed = _failure(state)
    retry_after = failed.retry_after if failed is not None else 0.0
    return max(retry_after, _BACKOFF(state) * random.uniform(0.5, 1.0))
