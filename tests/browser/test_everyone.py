"""For everyone: screen readers, dark rooms, small screens, large letters, calm eyes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from support.browser_page import Page, Studio
from support.patience import PATIENCE

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(900)]

RUN = """
const done = arguments[arguments.length - 1];
const told = (node) => `${node.html.slice(0, 160)} ${node.any.map((each) => each.message).join(" ")}`;
axe.run(document, {resultTypes: ["violations"]}).then(({violations}) => done(
  violations.map(({id, impact, nodes}) => ({id, impact, nodes: nodes.map(told)}))
));
"""


def faults(page: Page) -> list[dict[str, Any]]:
    """What axe finds that is serious or critical."""
    page.driver.set_script_timeout(PATIENCE)
    # As an expression of the debugger's, which no policy of the page's keeps out.
    source = (files("axe_core_python") / "axe.min.js").read_text()
    page.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": source})
    found: list[dict[str, Any]] = page.driver.execute_async_script(RUN)
    return [each for each in found if each["impact"] in {"serious", "critical"}]


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest, chromium: webdriver.Chrome) -> Iterator[str]:
    page = Page(chromium, "")
    page.emulate(prefers_color_scheme=request.param, prefers_reduced_motion="reduce")
    yield request.param
    page.emulate()


@pytest.fixture(params=["desktop", "phone"])
def screen(request: pytest.FixtureRequest) -> str:
    if request.param == "phone":
        request.getfixturevalue("phone")
    return str(request.param)


def test_axe_finds_no_serious_fault_in_the_studio(
    studio: Studio, scheme: str, screen: str, shots: Path
) -> None:
    assert faults(studio) == []
    studio.all("#samples button")[1].click()
    studio.until_strengths()
    studio.driver.save_screenshot(str(shots / f"studio-preview-{screen}-{scheme}.png"))
    studio.reach("mix-styles").click()
    for _ in range(2):
        studio.pick(0)
    studio.reach("region-title").click()
    studio.until(lambda: studio.all("#mask-paint"))
    studio.reach("output-settings").click()
    assert faults(studio) == []
    studio.driver.save_screenshot(str(shots / f"studio-open-{screen}-{scheme}.png"))
    assert studio.sideways() <= 0
    studio.set("size", 512)
    studio.stylise()
    studio.until_finished()
    studio.until(lambda: studio.all("#history-list a img"))
    studio.script("document.getElementById('menu').open = true; scrollTo(0, 0)")
    assert faults(studio) == []
    assert studio.sideways() <= 0
    studio.driver.save_screenshot(str(shots / f"studio-finished-{screen}-{scheme}.png"))


def test_axe_finds_no_serious_fault_beside_a_playing_video(
    video_page: Studio, clip: Path, scheme: str, screen: str, shots: Path
) -> None:
    video_page.at("content-file").send_keys(str(clip))
    video_page.until_preview()
    assert faults(video_page) == []
    video_page.set("size", 480)
    video_page.stylise()
    video_page.until(lambda: video_page.kind() == "preview" or video_page.text("status") == "Finished")
    assert faults(video_page) == []
    video_page.driver.save_screenshot(str(shots / f"video-running-{screen}-{scheme}.png"))
    video_page.until_finished()
    video_page.until(lambda: video_page.all("#history-list a img"))
    video_page.script("document.getElementById('menu').open = true; scrollTo(0, 0)")
    assert faults(video_page) == []
    assert video_page.sideways() <= 0
    video_page.set("seek", 1)
    video_page.driver.save_screenshot(str(shots / f"video-finished-{screen}-{scheme}.png"))
    video_page.all("[data-view=side]")[0].click()
    assert video_page.sideways() <= 0
    video_page.script("document.getElementById('menu').open = false; scrollTo(0, 0)")
    video_page.driver.save_screenshot(str(shots / f"video-side-{screen}-{scheme}.png"))


@pytest.mark.parametrize(
    ("path", "ready"),
    [
        ("/training", "#grid img"),
        ("/video", "#grid img"),
        ("/live", "#grid img"),
        ("/admin", "#workers tr"),
    ],
)
def test_axe_finds_no_serious_fault_behind_the_studio(
    chromium: webdriver.Chrome,
    service_url: str,
    scheme: str,
    screen: str,
    path: str,
    ready: str,
    shots: Path,
) -> None:
    page = Page(chromium, service_url)
    page.fresh(path)
    page.until(lambda: page.all(ready))
    assert faults(page) == []
    assert page.sideways() <= 0
    page.driver.save_screenshot(str(shots / f"{path[1:]}-{screen}-{scheme}.png"))


@pytest.mark.parametrize("path", ["/", "/video", "/live", "/training", "/admin"])
def test_letters_of_twice_the_size_fit(
    chromium: webdriver.Chrome, service_url: str, path: str, shots: Path
) -> None:
    """A window of 1280 pixels at 200 % is one of 640, with the same letters."""
    size = {"width": 640, "height": 450, "deviceScaleFactor": 2, "mobile": False}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        page = Page(chromium, service_url)
        page.fresh(path)
        page.until(lambda: page.all("#grid img, #queues .card"))
        assert page.sideways() <= 0
        page.driver.save_screenshot(str(shots / f"large{path.replace('/', '-')}.png"))
        cut = page.script(CUT)
        assert cut == []
    finally:
        chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


#: Buttons and labels whose words do not fit into them.
CUT = """
return [...document.querySelectorAll("button, .button, label, legend, summary, h1, h2")]
  .filter((each) => each.offsetParent && !each.matches(".visually-hidden, .tile"))
  .filter((each) => getComputedStyle(each).display !== "inline")
  .filter((each) => each.scrollWidth > each.clientWidth + 2)
  .map((each) => each.textContent.trim());
"""


def test_nothing_moves_for_those_who_asked_for_calm(studio: Studio, every: Callable[..., Any]) -> None:
    studio.emulate(prefers_reduced_motion="reduce")
    try:
        studio.bring("photo.jpg")
        studio.until_preview()
        moving = "return document.getAnimations().filter((each) => each.playState === 'running').length"
        assert every(lambda: studio.script(moving) == 0)
    finally:
        studio.emulate()


@pytest.fixture
def every() -> Callable[..., bool]:
    """Whether something holds each time one looks, while a picture is being made."""
    return lambda holds: all(holds() for _ in range(20))
