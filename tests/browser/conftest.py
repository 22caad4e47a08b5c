"""A real service and a real browser for the walks through the page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from support.browser_page import Studio
from support.embedded_service import embedded_service
from support.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1280,900",
)


def _found(*names: str) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
    reason = f"none of {', '.join(names)} is installed (apt-get install chromium chromium-driver)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser_files() -> tuple[str, str]:
    """Chromium and its driver; asked for first, so that a skip starts no service."""
    return _found("chromium", "chromium-browser", "google-chrome"), _found("chromedriver")


@pytest.fixture(scope="session")
def service_url(
    browser_files: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """`atelier up` on a home of its own. `ATELIER_BROWSER_URL` walks a service that runs already."""
    if running := os.environ.get("ATELIER_BROWSER_URL"):
        yield running.rstrip("/")
        return
    home = tmp_path_factory.mktemp("atelier")
    # The quicker a machine is, the more calls its walks make in a minute.
    with embedded_service(home, RATE_LIMIT="", SUBMIT_RATE_LIMIT="") as url:
        yield url


@pytest.fixture(scope="session")
def chromium(
    browser_files: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[webdriver.Chrome]:
    """One Chromium with an empty profile for all walks: starting it takes longer than most of them."""
    binary, driver_path = browser_files
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver_path))
    driver.set_page_load_timeout(PATIENCE)
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def shots() -> Path:
    """The folder of screenshots, which git ignores."""
    folder = ROOT / "out" / "browser"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `photo.jpg`, `portrait.png`, `brushes.png` and two files that are no pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    y, x = np.mgrid[0:1:400j, 0:1:600j]
    disc = ((x - 0.4) ** 2 * 2.25 + (y - 0.5) ** 2 < 0.06)[..., None]
    scene = np.where(disc, [230, 160, 60], np.stack([90 + 60 * y, 120 + 80 * x, 190 - 90 * y], -1))
    photo = Image.fromarray(scene.astype(np.uint8))
    photo.save(folder / "photo.jpg", quality=92)
    photo.crop((100, 0, 400, 400)).save(folder / "portrait.png")
    stripes = 127 + 120 * np.sin(
        40 * np.stack([x + y, x - y, 2 * y], -1) + 3 * np.sin(9 * x)[..., None]
    )
    Image.fromarray(stripes.astype(np.uint8)).save(folder / "brushes.png")
    (folder / "drawing.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40"><circle r="9"/></svg>'
    )
    for name in ("holiday.jpg", "scrap.png"):
        (folder / name).write_text("This is not a picture.")
    return folder


@pytest.fixture
def studio(chromium: webdriver.Chrome, service_url: str, pictures: Path) -> Studio:
    """The studio, as somebody finds it who was never here."""
    page = Studio(chromium, service_url, pictures)
    page.open()
    return page


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of a camera moving over a photograph, with sound, 20 frames a second, as MP4."""
    pytest.importorskip("av")
    from tests.support.clips import pan, write_clip

    picture = Image.fromarray(pytest.importorskip("skimage.data").chelsea())
    path = tmp_path_factory.mktemp("clips") / "holiday.mp4"
    return write_clip(path, pan(picture, 400, 224, 60), 20)


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of video: 1,200 frames, so that no machine ends before a test has seen the first."""
    pytest.importorskip("av")
    from tests.support.clips import pan, write_clip

    picture = Image.fromarray(pytest.importorskip("skimage.data").chelsea())
    frames = list(pan(picture, 320, 180, 60))
    return write_clip(tmp_path_factory.mktemp("clips") / "long.mp4", iter(frames * 20), 20)


@pytest.fixture
def video_page(chromium: webdriver.Chrome, service_url: str, pictures: Path) -> Studio:
    """The video page, as somebody finds it who was never here."""
    page = Studio(chromium, service_url, pictures)
    page.fresh("/video")
    page.until_gallery()
    return page


@pytest.fixture
def phone(chromium: webdriver.Chrome) -> Iterator[None]:
    """A screen of a phone's size."""
    size = {"width": 375, "height": 812, "deviceScaleFactor": 1, "mobile": True}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    yield
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
