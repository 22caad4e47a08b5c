from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from support.patience import PATIENCE
from support.ports import free_port

from web.security import rate_counter
from web.security.rate_counter import RateLimiter


@pytest.mark.integration
def test_calls_are_counted_in_redis_for_all_servers_together(
    redis_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_counter, "_TIMEOUTS", {"socket_timeout": PATIENCE})
    url = f"redis://127.0.0.1:{redis_port}/0"
    one, other = (RateLimiter("calls", "3/minute", url) for _ in range(2))

    states = [one.hit("a"), other.hit("a"), one.hit("a"), other.hit("a")]

    assert all(state is not None for state in states)
    assert [state.allowed for state in states if state] == [True, True, True, False]
    assert [state.remaining for state in states if state] == [2, 1, 0, 0]
    assert states[-1] is not None
    assert 1 <= states[-1].reset <= 60
    stranger = one.hit("b")
    assert stranger is not None
    assert stranger.allowed


def test_nobody_is_limited_while_redis_is_away(caplog: pytest.LogCaptureFixture) -> None:
    limiter = RateLimiter("calls", "1/minute", f"redis://:pass-word@127.0.0.1:{free_port()}/0")

    with caplog.at_level(logging.WARNING):
        assert [limiter.hit("a") for _ in range(5)] == [None] * 5

    assert len(caplog.records) == 1
    assert "pass-word" not in caplog.text


def test_without_redis_each_server_counts_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its minutes are those of the clock: one must not begin between the two calls.
    monkeypatch.setattr("limits.storage.memory.time", SimpleNamespace(time=lambda: 30.0))
    limiter = RateLimiter("calls", "1/minute; 2/hour", "amqp://elsewhere")

    assert [state.allowed for state in (limiter.hit("a"), limiter.hit("a")) if state] == [
        True,
        False,
    ]


def test_no_rate_is_no_limit() -> None:
    limiter = RateLimiter("calls", "", "memory://")

    assert [limiter.hit("a") for _ in range(100)] == [None] * 100


def test_a_rate_that_cannot_be_read() -> None:
    with pytest.raises(ValueError, match="often"):
        RateLimiter("calls", "often", "memory://")
