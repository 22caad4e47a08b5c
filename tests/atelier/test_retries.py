from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx

from atelier.retries import retry_after_seconds, retry_delay


def busy(**headers: str) -> httpx.Response:
    return httpx.Response(503, headers={name.replace("_", "-"): text for name, text in headers.items()})


def test_retry_after_as_a_date() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 27 <= retry_after_seconds(busy(Retry_After=at)) <= 30
    assert retry_after_seconds(busy(Retry_After="soon")) == 0
    assert retry_after_seconds(busy()) == 0


def test_pauses_grow_to_a_bound() -> None:
    assert all(retry_delay(attempt) <= 8 for attempt in range(60))
    assert min(retry_delay(20) for _ in range(50)) >= 4
    assert retry_delay(0, retry_after=5) == 5
