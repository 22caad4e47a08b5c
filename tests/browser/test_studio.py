"""The studio as a person walks through it: choose, stylise, wait, compare, download, come back."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]

SET = """
const [element, value] = arguments;
element.value = value;
for (const name of ["input", "change"]) element.dispatchEvent(new Event(name, {bubbles: true}));
"""
WATCH = """
window.seen = [];
const status = document.getElementById("status");
new MutationObserver(() => window.seen.push(status.textContent)).observe(status, {childList: true});
"""


class Studio:
    """The page through a person's hands and eyes."""

    def __init__(self, driver: webdriver.Chrome, url: str, pictures: Path) -> None:
        self.driver, self.url, self.pictures = driver, url, pictures

    def open(self) -> None:
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get(self.url)
        self.until(lambda: len(self.all("#grid input")) > 0, seconds=30)

    def reach(self, name: str) -> WebElement:
        """Scroll to an element, as a person does when the sticky button lies over it."""
        element = self.at(name)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        return element

    def at(self, id_: str) -> WebElement:
        return self.driver.find_element(By.ID, id_)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, id_: str) -> str:
        return str(self.at(id_).get_property("textContent"))

    def script(self, code: str, *arguments: Any) -> Any:
        return self.driver.execute_script(code, *arguments)

    def until(self, done: Callable[[], Any], seconds: float = 90) -> Any:
        return WebDriverWait(self.driver, seconds, poll_frequency=0.1).until(lambda _: done())

    def bring(self, name: str, to: str = "photo-file") -> None:
        self.at(to).send_keys(str(self.pictures / name))

    def stylise(self) -> None:
        self.script(WATCH)
        self.at("stylise").click()

    def until_finished(self) -> None:
        self.until(lambda: self.text("status") == "Finished")
        self.until(lambda: self.at("wall").get_attribute("data-state") == "compared")

    def complaint(self) -> str:
        self.until(lambda: self.at("notice").is_displayed())
        return self.text("notice")

    def errors(self) -> list[str]:
        return [
            entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"
        ]


@pytest.fixture
def studio(chromium: webdriver.Chrome, service_url: str, pictures: Path) -> Studio:
    page = Studio(chromium, service_url, pictures)
    page.open()
    return page


@pytest.fixture
def phone(chromium: webdriver.Chrome) -> Iterator[None]:
    size = {"width": 375, "height": 812, "deviceScaleFactor": 1, "mobile": True}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    yield
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_photo_becomes_a_painting(studio: Studio, shots: Path) -> None:
    studio.driver.save_screenshot(str(shots / "empty.png"))
    studio.bring("photo.jpg")
    studio.until(lambda: studio.at("wall").get_attribute("data-state") == "photo")
    choice = studio.all("#grid input")[-1]
    choice.click()
    studio.script(SET, studio.at("alpha"), "0.6")
    studio.script(SET, studio.at("size"), "512")
    assert studio.text("alpha-said") == "60%"
    assert studio.text("size-said") == "512 px"
    studio.driver.save_screenshot(str(shots / "chosen.png"))

    studio.stylise()
    studio.until_finished()
    seen = studio.script("return window.seen")
    assert "Waiting for a free easel" in seen
    assert studio.script("return document.getElementById('after').naturalWidth") == 512
    params = _params(studio)
    assert (params["alpha"], params["size"]) == (0.6, 512)
    assert studio.all("#rack a[aria-current] img")
    studio.driver.save_screenshot(str(shots / "finished.png"))

    answer = httpx.get(str(studio.at("download").get_property("href")), timeout=60)
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.width == 512
    assert studio.errors() == []


def test_a_style_of_ones_own(studio: Studio) -> None:
    studio.bring("portrait.png")
    studio.bring("brushes.png", "style-file")
    assert "brushes.png" in studio.text("style-label")
    studio.reach("original").click()
    assert studio.text("size-said") == "as the photo"
    studio.reach("color-luminance").click()
    studio.script(SET, studio.at("stroke"), "1")
    studio.reach("file").click()
    studio.script(SET, studio.at("format"), "webp")
    studio.script(SET, studio.at("quality"), "70")
    assert "×2" in studio.text("stroke-said")
    studio.stylise()
    studio.until_finished()
    assert studio.script("return document.getElementById('after').naturalWidth") == 300
    params = _params(studio)
    assert (params["color"], params["stroke"]) == ("luminance", 2)
    assert (params["format"], params["quality"]) == ("webp", 70)
    assert _job(studio)["outputs"][0]["media_type"] == "image/webp"
    assert params["size"] is None
    assert studio.errors() == []


@pytest.mark.parametrize("own", [False, True])
def test_two_styles_are_mixed_and_remembered(studio: Studio, shots: Path, own: bool) -> None:
    studio.bring("photo.jpg")
    if own:
        studio.bring("brushes.png", "style-file")
    studio.reach("mixing").click()
    assert not studio.at("share").is_enabled()
    studio.script(SET, studio.at("second"), "woodcut")
    studio.script(SET, studio.at("share"), "0.3")
    studio.script(SET, studio.at("size"), "256")
    assert studio.text("share-said") == "30%"
    studio.driver.save_screenshot(str(shots / f"mix-{'own' if own else 'gallery'}.png"))
    studio.stylise()
    studio.until_finished()
    first, second = _params(studio)["styles"]
    assert (first["weight"], second["weight"], second["style_id"]) == (0.7, 0.3, "woodcut")
    assert first["file"] == ("style" if own else None)
    # As somebody finds it who opens the link later.
    studio.driver.refresh()
    studio.until_finished()
    assert studio.at("second").get_property("value") == "woodcut"
    assert studio.text("share-said") == "30%"
    assert ("style.png" in studio.text("style-label")) is own
    assert studio.errors() == []


@pytest.mark.parametrize(("photo", "style"), [("holiday.jpg", None), ("photo.jpg", "scrap.png")])
def test_a_bad_file_is_explained_by_its_name(
    studio: Studio, shots: Path, photo: str, style: str | None
) -> None:
    studio.bring(photo)
    if style:
        studio.bring(style, "style-file")
    studio.stylise()
    sentence = studio.complaint()
    assert (style or photo) in sentence
    assert "JPEG" in sentence
    studio.driver.save_screenshot(str(shots / f"refused-{style or photo}.png"))
    assert studio.at("stylise").is_enabled()


def test_a_reload_in_the_middle_finds_the_result(studio: Studio) -> None:
    studio.bring("photo.jpg")
    studio.stylise()
    studio.until(lambda: _job_id(studio))
    studio.driver.refresh()
    studio.until_finished()
    widths = "return ['before', 'after'].map((id) => document.getElementById(id).naturalWidth)"
    before, after = studio.script(widths)
    assert before == 600
    assert after > 0
    # The photo is still there to be painted again, although the file is gone from the page.
    studio.script(SET, studio.at("size"), "320")
    studio.stylise()
    studio.until(lambda: studio.script("return document.getElementById('after').naturalWidth") == 320)
    assert studio.errors() == []


def test_an_earlier_picture_comes_back_from_the_rack(studio: Studio) -> None:
    for alpha in ("0.25", "1"):
        studio.bring("photo.jpg")
        studio.script(SET, studio.at("alpha"), alpha)
        studio.stylise()
        studio.until_finished()
    newest = _job_id(studio)
    studio.until(lambda: len(studio.all("#rack a img")) > 1)
    studio.all("#rack a")[1].click()
    studio.until(lambda: _job_id(studio) != newest)
    studio.until(lambda: studio.text("alpha-said") == "25%")
    studio.until_finished()
    assert studio.errors() == []


def test_a_waiting_job_can_be_stopped(studio: Studio) -> None:
    photo = (studio.pictures / "photo.jpg").read_bytes()
    style = str(studio.all("#grid input")[0].get_attribute("value"))
    with httpx.Client(base_url=studio.url, timeout=60) as client:
        ahead = [
            client.post(
                "/v1/jobs",
                data={"kind": "stylize", "style_id": style, "size": "2048"},
                files={"content": ("photo.jpg", photo)},
            ).json()["id"]
            for _ in range(3)
        ]
        studio.bring("photo.jpg")
        # A strength that no other walk asks for: what was made before is answered without waiting.
        studio.script(SET, studio.at("alpha"), "0.35")
        studio.stylise()
        studio.until(lambda: _job_id(studio) and studio.at("cancel").is_displayed())
        studio.at("cancel").click()
        studio.until(lambda: studio.text("status") == "Stopped")
        for id_ in ahead:
            client.post(f"/v1/jobs/{id_}/cancel")
    assert studio.at("stylise").is_enabled()
    assert studio.errors() == []


def test_the_page_goes_on_when_the_server_is_back(studio: Studio) -> None:
    studio.bring("photo.jpg")
    studio.driver.set_network_conditions(offline=True, latency=0, throughput=0)
    try:
        studio.stylise()
        studio.until(lambda: studio.at("away").is_displayed())
        assert "can’t be reached" in studio.text("away")
    finally:
        studio.driver.delete_network_conditions()
    studio.until_finished()
    assert not studio.at("away").is_displayed()


def test_a_keyboard_is_enough(studio: Studio) -> None:
    reached = _tab_to(studio, "stylise")
    dials = {"alpha", "stroke", "color-style", "size", "original", "mixing", "file"}
    assert {"photo-file", "style-file"} | dials <= set(reached)
    _press(studio, Keys.ENTER)
    assert "photo" in studio.complaint()
    assert _focused(studio) == "photo-file"

    studio.bring("photo.jpg")
    _tab_to(studio, "stylise")
    _press(studio, Keys.SPACE)
    studio.until_finished()
    _tab_to(studio, "compare")
    start = int(studio.at("compare").get_property("value"))
    _press(studio, Keys.ARROW_RIGHT)
    assert int(studio.at("compare").get_property("value")) == start + 1
    assert studio.errors() == []


@pytest.mark.usefixtures("phone")
def test_a_phone_never_scrolls_sideways(studio: Studio, shots: Path) -> None:
    def sideways() -> int:
        return int(studio.script("return document.documentElement.scrollWidth - innerWidth"))

    assert studio.script("return innerWidth") == 375
    assert sideways() <= 0
    studio.bring("portrait.png")
    studio.stylise()
    studio.until_finished()
    assert sideways() <= 0
    studio.driver.save_screenshot(str(shots / "phone.png"))
    assert studio.errors() == []


def test_a_forgotten_job_is_said_to_be_gone(studio: Studio) -> None:
    # From elsewhere: on the page itself this would only be a change of the hash.
    studio.driver.get("about:blank")
    studio.driver.get(f"{studio.url}/#job=00000000-0000-0000-0000-000000000000")
    studio.until(lambda: studio.text("status") == "That picture is no longer here")
    assert _job_id(studio) == ""


def test_the_pages_own_bytes_stay_small(studio: Studio) -> None:
    own = studio.script(
        "return performance.getEntries().filter((each) => each.entryType === 'navigation'"
        " || each.name.includes('/static/')).map((each) => [each.name, each.decodedBodySize])"
    )
    assert any(name.endswith("studio.js") for name, _ in own)
    assert sum(size for _, size in own) < 100_000


def _job_id(studio: Studio) -> str:
    return str(studio.script("return new URLSearchParams(location.hash.slice(1)).get('job') ?? ''"))


def _job(studio: Studio) -> dict[str, Any]:
    return dict(httpx.get(f"{studio.url}/v1/jobs/{_job_id(studio)}", timeout=60).json())


def _params(studio: Studio) -> dict[str, Any]:
    return dict(_job(studio)["params"])


def _focused(studio: Studio) -> str:
    return str(studio.script("return document.activeElement.id"))


def _press(studio: Studio, key: str) -> None:
    webdriver.ActionChains(studio.driver).send_keys(key).perform()


def _tab_to(studio: Studio, id_: str) -> list[str]:
    """Tab from where the focus is; the ids that were reached, each of which showed its focus."""
    reached: list[str] = []
    for _ in range(60):
        _press(studio, Keys.TAB)
        reached.append(_focused(studio))
        assert studio.script("return document.activeElement.matches(':focus-visible, body')")
        if reached[-1] == id_:
            return reached
    pytest.fail(f"{id_} is not reached by Tab: {reached}")
