from __future__ import annotations

import os
import threading
import time

import pytest
from click.testing import CliRunner, Result

from jobs.commands.maintenance import PULSE_SECONDS, maintenance
from jobs.operations.maintenance import Maintenance
from jobs.service import JobService
from jobs.settings import Settings


@pytest.fixture
def check(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("jobs.settings.load_settings", lambda: settings)

    def run() -> Result:
        return CliRunner().invoke(maintenance, ["--check"])

    return run


def test_the_pulse_follows_the_loop(service: JobService, settings: Settings, check) -> None:
    assert check().exit_code == 1
    assert "never run here" in check().output

    loop = Maintenance(service)
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not settings.pulse.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert check().exit_code == 0
    finally:
        loop.stop.set()
        thread.join()

    stopped = time.time() - PULSE_SECONDS - 5
    os.utime(settings.pulse, (stopped, stopped))
    assert check().exit_code == 1
    assert "last went round 125 s ago" in check().output
