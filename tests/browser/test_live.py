"""The live page in a real Chromium with a fake camera: its paintings are those of the server."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from support.browser_page import Studio
from support.render_request import render_request

from nst_core.images.picture import Picture
from nst_core.stylize.open_engine import open_engine
from tests.browser.conftest import FLAGS

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(900)]

Pixels = npt.NDArray[np.uint8]
#: Chromium's camera of its own, which shows a file.
CAMERA = ("--use-fake-device-for-media-stream", "--use-file-for-fake-video-capture={file}")
ALLOW = "--use-fake-ui-for-media-stream"
DENY = "--deny-permission-prompts"
#: WebGPU on the processor, for machines without a graphics card.
WEBGPU = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")


@pytest.fixture(scope="session")
def camera_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video for the camera: four frames of a drawing that moves, 96 × 64, in YUV4MPEG2."""
    path = tmp_path_factory.mktemp("camera") / "camera.y4m"
    y, x = np.mgrid[0:64, 0:96]
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W96 H64 F20:1 Ip A1:1 C420jpeg\n")
        for frame in range(4):
            disc = (x - 30 - 10 * frame) ** 2 + (y - 32) ** 2 < 300
            luma = np.where(disc, 220, 60 + x + y // 2).astype(np.uint8)
            blue = np.where(disc, 70, 170)[::2, ::2].astype(np.uint8)
            red = np.where(disc, 180, 110 + y // 2)[::2, ::2].astype(np.uint8)
            file.write(b"FRAME\n" + luma.tobytes() + blue.tobytes() + red.tobytes())
    return path


@contextmanager
def browser(files: tuple[str, str], profile: Path, *flags: str) -> Iterator[webdriver.Chrome]:
    binary, driver_path = files
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, f"--user-data-dir={profile}", *flags):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver_path))
    driver.set_page_load_timeout(60)
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def camera_browser(
    browser_files: tuple[str, str], camera_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[webdriver.Chrome]:
    flags = [flag.format(file=camera_file) for flag in (*CAMERA, ALLOW)]
    with browser(browser_files, tmp_path_factory.mktemp("profile"), *flags, *WEBGPU) as driver:
        yield driver


@pytest.fixture
def live_page(camera_browser: webdriver.Chrome, service_url: str, pictures: Path) -> Studio:
    """The live page, as somebody finds it who was never here."""
    page = Studio(camera_browser, service_url, pictures)
    page.fresh("/live")
    page.until_gallery()
    return page


def pixels(page: Studio, id_: str) -> Pixels:
    """The pixels of a canvas."""
    url = str(page.script("return document.getElementById(arguments[0]).toDataURL()", id_))
    data = base64.b64decode(url.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def until_painted(page: Studio) -> None:
    page.until(lambda: "frames a second" in page.text("detail"))


def test_a_frame_of_the_camera_is_painted_as_by_the_server(live_page: Studio, shots: Path) -> None:
    live_page.driver.save_screenshot(str(shots / "live-empty.png"))
    live_page.set("side", 192)
    live_page.set("alpha", 0.8)
    live_page.record("detail")
    live_page.at("start").click()
    until_painted(live_page)
    live_page.at("show-original").click()
    live_page.driver.save_screenshot(str(shots / "live-camera.png"))
    seen = " ".join(live_page.recorded("detail"))
    assert "exports the network" in seen
    live_page.at("start").click()
    live_page.until(lambda: live_page.text("status") == "Stopped")

    frame, painting = pixels(live_page, "original"), pixels(live_page, "painting")
    assert frame.shape == painting.shape == (192, 288, 3)
    assert frame.std() > 20
    engine = open_engine("tuned-night-oils", "torch", "cpu")
    request = render_request(Picture(frame), alphas=[0.8], texture=0)
    (expected,) = engine.render([request])[0]
    difference = np.abs(painting.astype(int) - expected.pixels.astype(int))
    assert difference.max() <= 2
    assert live_page.errors() == []
