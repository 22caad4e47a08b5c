"""The login, and the pages under their policies, in a real browser."""

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
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from support.patience import PATIENCE

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = ("DATABASE_URL", "REDIS_URL", "STORAGE_URL", "S3_ENDPOINT_URL", "PORT", "HOST")


def said(driver: webdriver.Chrome) -> list[str]:
    """What the browser complained of: errors, and violations of a policy."""
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]


def until(driver: webdriver.Chrome, selector: str) -> None:
    WebDriverWait(driver, PATIENCE, poll_frequency=0.1).until(
        lambda _: driver.find_elements(By.CSS_SELECTOR, selector)
    )


@pytest.fixture
def locked(browser_files: tuple[str, str], tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A service that asks for keys, and a key."""
    environment = {name: value for name, value in os.environ.items() if name not in OUTSIDE}
    environment |= {
        "ATELIER_HOME": str(tmp_path / "var"),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "API_KEYS": "on",
    }
    command = [sys.executable, "-m", "atelier"]
    create = [*command, "keys", "create", "--owner", "ada", "--new-database"]
    token = subprocess.run(
        create, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()
    with (
        (tmp_path / "service.log").open("w") as log,
        subprocess.Popen(
            [*command, "up", "--port", "0"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as service,
    ):
        assert service.stdout is not None
        line = next(line for line in service.stdout if line.startswith("ready: "))
        yield line.removeprefix("ready: ").strip(), token
        service.send_signal(signal.SIGINT)
        service.wait(PATIENCE)


def test_the_description_can_be_read_under_its_policy(
    chromium: webdriver.Chrome, service_url: str, shots: Path
) -> None:
    chromium.get("about:blank")
    said(chromium)
    chromium.get(f"{service_url}/docs")
    until(chromium, ".opblock")
    chromium.find_element(By.CSS_SELECTOR, ".opblock-summary-get button").click()
    until(chromium, ".opblock.is-open .responses-table")
    chromium.save_screenshot(str(shots / "docs.png"))

    policy = httpx.get(f"{service_url}/docs", timeout=PATIENCE).headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert said(chromium) == []


def test_a_locked_studio_opens_with_a_key_and_closes_again(
    chromium: webdriver.Chrome, locked: tuple[str, str], pictures: Path, shots: Path
) -> None:
    url, token = locked
    chromium.get("about:blank")
    chromium.get(url)
    assert chromium.current_url == f"{url}/login"
    chromium.save_screenshot(str(shots / "login.png"))
    chromium.find_element(By.ID, "key").send_keys("atl_wrong")
    chromium.find_element(By.CSS_SELECTOR, ".login button").click()
    until(chromium, ".login .notice")
    said(chromium)  # the 401 that was just asked for

    chromium.find_element(By.ID, "key").send_keys(token)
    chromium.find_element(By.CSS_SELECTOR, ".login button").click()
    until(chromium, "#grid input")
    assert chromium.current_url == f"{url}/"
    assert chromium.execute_script("return document.cookie") == ""

    chromium.find_element(By.ID, "content-file").send_keys(str(pictures / "photo.jpg"))
    chromium.find_element(By.ID, "stylise").click()
    until(chromium, "#canvas[data-state=compared]")
    assert said(chromium) == []

    chromium.find_element(By.ID, "log-out").click()
    until(chromium, ".login")
    chromium.get(url)
    assert chromium.current_url == f"{url}/login"
