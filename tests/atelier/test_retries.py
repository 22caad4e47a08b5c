from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from atelier import retries
from atelier.errors import UnreachableError
from atelier.retries import CallFailed, policy, retry_after_seconds


def busy(**headers: str) -> httpx.Response:
    return httpx.Response(503, headers={name.replace("_", "-"): text for name, text in headers.items()})


def test_retry_after_as_a_date() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 27 <= retry_after_seconds(busy(Retry_After=at)) <= 30
    assert retry_after_seconds(busy(Retry_After="soon")) == 0
    assert retry_after_seconds(busy()) == 0


def test_pauses_grow_to_a_bound() -> None:
    delays = delays_of(30)
    assert 0.125 <= delays[0] <= 0.25
    assert all(4 <= delay <= 8 for delay in delays[10:])
    assert delays_of(3, retry_after=50) == [50, 50, 50]


def delays_of(number: int, retry_after: float = 0.0) -> list[float]:
    """The delays after as many failed attempts."""
    delays: list[float] = []

    def fail() -> None:
        raise CallFailed(
            UnreachableError("away"), retryable=len(delays) < number, retry_after=retry_after
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retries, "sleep", delays.append)
        with pytest.raises(CallFailed):
            policy(1000.0)(fail)
    return delays
