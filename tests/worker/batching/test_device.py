from __future__ import annotations

import threading

import pytest
from support.patience import PATIENCE

from worker.batching.device import Device


def test_it_waits_from_the_end_of_a_pass_or_from_the_begin_of_a_job() -> None:
    times = iter([0.0, 5.0, 9.0, 9.5, 10.0, 11.0, 12.0])
    device = Device(lambda: next(times))
    with device.taken(since=2.0) as waited:  # begins at 5, and ends at 9
        assert waited == 3.0
    with device.taken(since=4.0) as waited:  # was there before: 9 to 9.5
        assert waited == 0.5
    with device.taken(since=10.5) as waited:  # 10 to 11, of which half a second without a job
        assert waited == 0.5


def test_one_pass_at_a_time_also_after_an_error() -> None:
    device, inside, go_on = Device(), threading.Event(), threading.Event()

    def hold() -> None:
        with device.taken(device.now()):
            inside.set()
            go_on.wait(PATIENCE)

    thread = threading.Thread(target=hold)
    thread.start()
    assert inside.wait(PATIENCE)
    second = threading.Thread(target=hold)
    inside.clear()
    second.start()
    assert not inside.wait(0.05)
    go_on.set()
    assert inside.wait(PATIENCE)
    for each in (thread, second):
        each.join(PATIENCE)
    with pytest.raises(ValueError, match="broken"), device.taken(device.now()):
        raise ValueError("broken")
    with device.taken(device.now()) as waited:
        assert waited >= 0
