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
from support.patience import PATIENCE
from support.render_request import render_request

from nst_core.images.picture import Picture, read_picture
from nst_core.stylize.open_engine import open_engine
from nst_core.stylize.style_engine import mix
from tests.browser.conftest import FLAGS

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(900)]

Pixels = npt.NDArray[np.uint8]
GALLERY = Path(__file__).resolve().parents[2] / "jobs" / "gallery"
#: Chromium's camera of its own, which shows a file.
CAMERA = ("--use-fake-device-for-media-stream", "--use-file-for-fake-video-capture={file}")


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
    driver.set_page_load_timeout(PATIENCE)
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def camera_browser(
    browser_files: tuple[str, str], camera_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[webdriver.Chrome]:
    flags = [flag.format(file=camera_file) for flag in CAMERA]
    with browser(browser_files, tmp_path_factory.mktemp("profile"), *flags) as driver:
        yield driver


def allow(driver: webdriver.Chrome, url: str, *, camera: bool) -> None:
    """Answer the browser's question for the camera beforehand."""
    setting = "granted" if camera else "denied"
    driver.execute_cdp_cmd(
        "Browser.setPermission",
        {"permission": {"name": "camera"}, "setting": setting, "origin": url},
    )


@pytest.fixture
def live_page(camera_browser: webdriver.Chrome, service_url: str, pictures: Path) -> Studio:
    """The live page, as somebody finds it who was never here."""
    allow(camera_browser, service_url, camera=True)
    page = Studio(camera_browser, service_url, pictures)
    page.fresh("/live")
    page.until_gallery()
    page.set("side", 96)
    return page


def pixels(page: Studio, id_: str) -> Pixels:
    """The pixels of a canvas."""
    url = str(page.script("return document.getElementById(arguments[0]).toDataURL()", id_))
    data = base64.b64decode(url.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def until_painted(page: Studio) -> None:
    page.until(lambda: "frames a second" in page.text("detail"))


def stop(page: Studio) -> None:
    page.at("start").click()
    page.until(lambda: page.text("status") == "Stopped")


def rendered(network: str, frame: Pixels, alpha: float, *styles: Path) -> Pixels:
    """The frame as the server's engine renders it, in fp32; several styles in equal shares."""
    engine = open_engine(network, "torch", "cpu")
    style = mix([engine.style_statistics(read_picture(path)) for path in styles]) if styles else None
    request = render_request(Picture(frame), style, alphas=[alpha], texture=0)
    (picture,) = engine.render([request])[0]
    return picture.pixels


def difference(one: Pixels, other: Pixels) -> npt.NDArray[np.int64]:
    return np.abs(one.astype(int) - other.astype(int))


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
    assert "The network is being fetched." in seen
    assert "WebGPU finds no graphics card." in live_page.text("detail")
    stop(live_page)

    frame, painting = pixels(live_page, "original"), pixels(live_page, "painting")
    assert frame.shape == painting.shape == (192, 288, 3)
    assert frame.std() > 20
    assert difference(painting, rendered("tuned-night-oils", frame, 0.8)).max() <= 2
    # A setting that is changed now paints the same frame again; strength 0 is the frame itself.
    live_page.set("alpha", 0)
    live_page.until(lambda: np.array_equal(pixels(live_page, "painting"), frame))
    assert live_page.errors() == []


def test_a_mix_is_painted_with_the_statistics_of_its_pictures(live_page: Studio) -> None:
    live_page.reach("mix-styles").click()
    live_page.all("#grid input[value=woodcut]")[0].click()
    live_page.reach("start").click()
    until_painted(live_page)
    stop(live_page)
    frame, painting = pixels(live_page, "original"), pixels(live_page, "painting")
    alpha = float(str(live_page.at("alpha").get_property("value")))
    styles = [GALLERY / "night-oils.webp", GALLERY / "woodcut.webp"]
    # The browser shrinks the pictures of the styles with another filter.
    assert difference(painting, rendered("slim", frame, alpha, *styles)).mean() < 3
    for style in styles:
        assert difference(painting, rendered("slim", frame, alpha, style)).mean() > 6
    assert live_page.errors() == []


def test_a_video_is_painted_and_a_picture_saved(
    live_page: Studio, clip: Path, tmp_path: Path, shots: Path
) -> None:
    live_page.driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    live_page.at("content-file").send_keys(str(clip))
    until_painted(live_page)
    assert live_page.text("status") == "Painting holiday.mp4"
    live_page.driver.save_screenshot(str(shots / "live-video.png"))
    stop(live_page)
    live_page.at("save").click()
    saved = tmp_path / "atelier-live.png"
    live_page.until(saved.exists)
    painting = pixels(live_page, "painting")
    assert painting.shape == (96, 168, 3)
    live_page.until(lambda: np.array_equal(np.asarray(Image.open(saved).convert("RGB")), painting))


def test_a_camera_that_is_refused_is_explained(
    live_page: Studio, service_url: str, shots: Path
) -> None:
    allow(live_page.driver, service_url, camera=False)
    live_page.at("start").click()
    assert "may not use the camera" in live_page.complaint()
    live_page.driver.save_screenshot(str(shots / "live-refused.png"))
    assert live_page.text("start") == "Start the camera"
    # It can be allowed, and started, without a reload.
    allow(live_page.driver, service_url, camera=True)
    live_page.at("start").click()
    until_painted(live_page)
    assert not live_page.at("notice").is_displayed()


def test_without_a_camera_a_video_is_proposed(
    chromium: webdriver.Chrome, service_url: str, pictures: Path
) -> None:
    allow(chromium, service_url, camera=True)
    page = Studio(chromium, service_url, pictures)
    page.fresh("/live")
    page.until_gallery()
    page.at("start").click()
    assert page.complaint() == "No camera was found. Connect one, or choose a video."


def test_a_file_that_is_no_video_is_refused(live_page: Studio) -> None:
    live_page.bring("scrap.png")
    assert live_page.complaint().startswith("This browser can’t play scrap.png.")


def test_an_export_that_fails_is_explained(live_page: Studio) -> None:
    """As if the network had been deleted while the page was open."""
    live_page.script("document.getElementById('live').dataset.mixNetwork = 'absent'")
    live_page.reach("mix-styles").click()
    live_page.all("#grid input[value=woodcut]")[0].click()
    live_page.reach("start").click()
    assert "There is no network 'absent'" in live_page.complaint()
    assert live_page.text("start") == "Start the camera"
