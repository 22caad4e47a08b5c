from __future__ import annotations

import os
import re
import threading
import time

import pytest
from click.testing import CliRunner, Result
from support.maintenance import maintenance_of
from support.patience import PATIENCE

from jobs.commands.maintenance import MAX_PULSE_AGE_SECONDS, maintenance
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

    loop = maintenance_of(service)
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        deadline = time.monotonic() + PATIENCE
        while not settings.pulse.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert check().exit_code == 0
    finally:
        loop.stop.set()
        thread.join()

    stopped = time.time() - MAX_PULSE_AGE_SECONDS - 5
    os.utime(settings.pulse, (stopped, stopped))
    assert check().exit_code == 1
    silent = re.search(r"silent for (\d+) s", check().output)
    assert silent is not None
    assert int(silent[1]) in range(125, 125 + PATIENCE)
