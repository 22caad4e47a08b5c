"""The whole service is stopped and started again while the studio waits for a picture."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from selenium import webdriver
from support.browser_page import Studio
from support.patience import PATIENCE
from support.ports import free_port

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = ("DATABASE_URL", "REDIS_URL", "STORAGE_URL", "S3_ENDPOINT_URL", "PORT", "HOST")


class Restartable:
    """`atelier up` on a home and a port that outlive it."""

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.service: subprocess.Popen[str] | None = None

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in OUTSIDE}
        environment |= {
            "ATELIER_HOME": str(self.home / "var"),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            # A worker that waited would finish the job while the web server, which stops last, is
            # still there to say so.
            "DRAIN_SECONDS": "0",
        }
        with (self.home / "service.log").open("a") as log:
            self.service = subprocess.Popen(
                [sys.executable, "-m", "atelier", "up", "--port", str(self.port)],
                cwd=self.home,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.service.stdout is not None
        assert any(line.startswith("ready: ") for line in self.service.stdout)

    def stop(self) -> None:
        if self.service is not None:
            self.service.send_signal(signal.SIGINT)
            self.service.wait(PATIENCE)
            if self.service.stdout is not None:
                self.service.stdout.close()
            self.service = None


@pytest.fixture
def restartable(browser_files: tuple[str, str], tmp_path: Path) -> Iterator[Restartable]:
    service = Restartable(tmp_path)
    try:
        service.start()
        yield service
    finally:
        service.stop()


def test_a_restart_in_the_middle_loses_nothing(
    chromium: webdriver.Chrome, restartable: Restartable, pictures: Path, shots: Path
) -> None:
    studio = Studio(chromium, restartable.url, pictures)
    studio.open()
    studio.bring("photo.jpg")
    studio.until_preview()
    # A paused queue keeps the job waiting, on a machine of any speed, until everything has stopped.
    httpx.post(f"{restartable.url}/v1/queues/stylize/pause", timeout=PATIENCE).raise_for_status()
    studio.set("size", 1024)
    studio.stylise()
    studio.until(studio.job_id)
    job = studio.job_id()
    restartable.stop()
    studio.until(lambda: studio.at("offline").is_displayed())
    assert "can’t be reached" in studio.text("offline")
    studio.driver.save_screenshot(str(shots / "away.png"))

    restartable.start()
    httpx.post(f"{restartable.url}/v1/queues/stylize/resume", timeout=PATIENCE).raise_for_status()
    studio.until(lambda: not studio.at("offline").is_displayed())
    studio.until(lambda: studio.text("status") == "Finished" and studio.kind() == "final")
    assert studio.job_id() == job
    assert studio.width() == 1024
