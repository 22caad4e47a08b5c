"""What the processes that decode strangers' files can't do."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.media.limits import DecodeLimits
from jobs.media.sandbox import _pool
from jobs.settings import Settings


@pytest.fixture
def limits(settings: Settings) -> DecodeLimits:
    return settings.decode_limits


def test_they_write_no_file(limits: DecodeLimits, tmp_path: Path) -> None:
    path = tmp_path / "left-behind"
    pool = _pool(limits.megabytes, limits.processes)

    with pytest.raises(OSError, match="too large"):
        pool.schedule(Path.write_bytes, args=(path, b"x")).result()

    assert not path.exists() or path.stat().st_size == 0


def test_they_take_no_more_memory_than_allowed(limits: DecodeLimits) -> None:
    pool = _pool(limits.megabytes, limits.processes)

    with pytest.raises(MemoryError):
        pool.schedule(bytearray, args=(limits.megabytes * 1_000_000,)).result()

    assert pool.schedule(len, args=(b"four",)).result() == 4
