"""The studio as a person walks through it: choose, stylise, wait, compare, download, come back."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import httpx
import pytest
from PIL import Image
from selenium.webdriver.common.keys import Keys
from support.browser_page import DROP, Studio
from support.patience import PATIENCE

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(900)]


@pytest.mark.smoke
def test_a_photo_becomes_a_painting(studio: Studio, shots: Path) -> None:
    studio.driver.save_screenshot(str(shots / "empty.png"))
    data = base64.b64encode((studio.pictures / "photo.jpg").read_bytes()).decode()
    studio.script(DROP, studio.at("history"), "photo.jpg", "image/jpeg", data)
    studio.until_preview()
    studio.all("#grid input")[3].click()
    studio.set("alpha", 0.6)
    studio.set("size", 512)
    assert studio.text("alpha-value") == "60%"
    assert studio.text("size-value") == "512 px"
    studio.driver.save_screenshot(str(shots / "chosen.png"))

    studio.record("status")
    studio.stylise()
    studio.until_finished()
    assert "Queued" in studio.recorded("status")
    assert studio.width() == 512
    params = studio.params()
    assert (params["alpha"], params["size"]) == (0.6, 512)
    studio.until(lambda: studio.all("#history-list a[aria-current] img"))
    studio.driver.save_screenshot(str(shots / "finished.png"))

    answer = httpx.get(str(studio.at("download").get_property("href")), timeout=60)
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.width == 512
    assert studio.errors() == []


def test_a_sample_is_one_click_away(studio: Studio) -> None:
    samples = studio.all("#samples button")
    assert [each.get_attribute("data-name") for each in samples][:1] == ["chelsea.png"]
    # Each shows its photo beside its painting, and brings the style of this painting.
    assert all(len(each.find_elements("css selector", "img")) == 2 for each in samples)
    loaded = "return arguments[0].complete && arguments[0].naturalWidth > 0"
    for image in studio.all("#samples img"):
        studio.until(lambda image=image: studio.script(loaded, image))
    assert chosen(studio) == samples[0].get_attribute("data-style")
    studio.script("arguments[0].focus()", samples[1])
    studio.press(Keys.ENTER)
    studio.until_preview()
    assert chosen(studio) == samples[1].get_attribute("data-style")
    # The button is gone, and the focus went to the picture.
    assert studio.focused() == "viewer"
    studio.at("start-over").click()
    assert studio.at("canvas").get_attribute("data-state") == "empty"
    samples[0].click()
    studio.until_preview()
    assert "chelsea.png" in studio.text("status")
    # What is shown is the photo, of the size that the installed package has it in.
    assert studio.script("return document.getElementById('before').naturalWidth") == 451
    assert studio.errors() == []


def chosen(studio: Studio) -> str:
    return str(studio.all("#grid input:checked")[0].get_attribute("value"))


def test_a_wrong_file_never_costs_the_photo(studio: Studio) -> None:
    studio.bring("photo.jpg")
    studio.until_preview()
    studio.bring("holiday.jpg")
    assert studio.complaint().startswith("holiday.jpg ")
    assert studio.text("status") == "photo.jpg"
    assert studio.kind() == "preview"
    # Nor the result that is open.
    studio.stylise()
    studio.until_finished()
    job = studio.job_id()
    studio.bring("holiday.jpg")
    assert studio.complaint().startswith("holiday.jpg ")
    assert (studio.job_id(), studio.kind()) == (job, "final")
    # A picture that the browser shows and the server refuses is taken back, too.
    studio.bring("drawing.svg")
    studio.until(lambda: studio.text("notice").startswith("drawing.svg "))
    studio.until(lambda: (studio.job_id(), studio.kind()) == (job, "final"))


def test_the_strip_is_always_of_the_style_that_is_chosen(studio: Studio) -> None:
    sources = "return [...document.querySelectorAll('#strengths img')].map((each) => each.src)"
    studio.bring("photo.jpg")
    studio.until_strengths()
    first = studio.script(sources)
    studio.pick(4)
    # Emptied at once; the preview may then be so quick that only the new pictures are seen.
    assert set(studio.script(sources)).isdisjoint(first)
    # A job that is started at once delays the strip, and does not cancel it.
    studio.stylise()
    studio.until_finished()
    studio.until_strengths()
    assert set(studio.script(sources)).isdisjoint(first)
    assert studio.errors() == []


def test_nothing_that_matters_is_below_the_fold_of_a_laptop(studio: Studio, shots: Path) -> None:
    size = {"width": 1366, "height": 657, "deviceScaleFactor": 1, "mobile": False}
    studio.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        studio.script("scrollTo(0, 0)")
        gallery = studio.all(".gallery-scroll")[0]
        assert (
            studio.script("return arguments[0].scrollHeight - arguments[0].clientHeight", gallery) <= 0
        )
        studio.bring("photo.jpg")
        studio.until_strengths()
        studio.stylise()
        studio.until_finished()
        studio.driver.save_screenshot(str(shots / "laptop.png"))
        boxes = {
            name: studio.script("return arguments[0].getBoundingClientRect().toJSON()", studio.at(name))
            for name in ("frame", "download", "strengths", "alpha", "stylise", "color-match")
        }
        assert {name: box for name, box in boxes.items() if box["top"] < 0 or box["bottom"] > 657} == {}
        # The picture is worth looking at.
        assert boxes["frame"]["height"] > 350
    finally:
        studio.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def titles(studio: Studio) -> list[str]:
    return [
        each["title"]
        for each in httpx.get(f"{studio.url}/v1/styles", timeout=PATIENCE).json()["styles"]
    ]


def test_a_removed_style_comes_back_by_undo(studio: Studio) -> None:
    studio.bring("photo.jpg")
    studio.until_preview()
    studio.bring("brushes.png", "style-file")
    studio.until(lambda: "brushes" in studio.text("style-label"))
    studio.reach("remove-style").click()
    studio.until(lambda: "brushes" not in studio.text("style-label"))
    studio.at("undo").click()
    assert studio.text("style-label").startswith("brushes")
    studio.stylise()
    studio.until_finished()
    # A page that is closed carries the deletion out at once.
    studio.reach("remove-style").click()
    studio.until(lambda: studio.at("toast").is_displayed())
    studio.driver.refresh()
    studio.until(lambda: "brushes" not in titles(studio))
    assert studio.errors() == []


def test_a_style_of_ones_own(studio: Studio) -> None:
    studio.bring("portrait.png")
    studio.bring("brushes.png", "style-file")
    studio.until(lambda: "brushes" in studio.text("style-label"))
    studio.reach("output-settings").click()
    studio.reach("original").click()
    assert studio.text("size-value") == "as the photo"
    studio.reach("color-luminance").click()
    studio.set("stroke", 1)
    studio.set("texture", 0.8)
    studio.reach("reroll").click()
    studio.set("format", "webp")
    studio.set("quality", 70)
    assert "×2" in studio.text("stroke-value")
    studio.stylise()
    studio.until_finished()
    assert studio.width() == 300
    params = studio.params()
    assert (params["color"], params["stroke"]) == ("luminance", 2)
    assert params["texture"] == 0.8
    assert params["seed"] > 0
    assert (params["format"], params["quality"]) == ("webp", 70)
    assert studio.job()["outputs"][0]["media_type"] == "image/webp"
    assert params["size"] is None

    # It hangs in the gallery from now on, until it is taken down.
    studio.reach("remove-style").click()
    studio.until(lambda: "brushes" not in studio.text("style-label"))
    # The server deletes it once it can't be undone any more.
    studio.until(lambda: "brushes" not in titles(studio))
    assert studio.errors() == []


def test_the_full_network_paints_too(studio: Studio) -> None:
    studio.bring("portrait.png")
    studio.reach("output-settings").click()
    studio.set("size", 256)
    studio.set("network", "full")
    studio.stylise()
    studio.until_finished()

    assert studio.params()["network"] == "full"
    assert studio.job()["metrics"]["network"] == "full"
    assert studio.errors() == []


def test_a_bad_photo_is_explained_by_its_name(studio: Studio, shots: Path) -> None:
    studio.bring("holiday.jpg")
    sentence = studio.complaint()
    assert sentence.startswith("holiday.jpg ")
    assert "JPEG" in sentence
    studio.driver.save_screenshot(str(shots / "refused.png"))
    # A good one makes up for it.
    studio.bring("photo.jpg")
    studio.until_preview()
    assert not studio.at("notice").is_displayed()


def test_a_bad_style_is_explained_by_its_name(studio: Studio) -> None:
    before = len(studio.all("#grid input"))
    studio.bring("scrap.png", "style-file")
    sentence = studio.complaint()
    assert sentence.startswith("scrap.png ")
    assert "JPEG" in sentence
    assert len(studio.all("#grid input")) == before


def test_a_reload_in_the_middle_finds_the_result(studio: Studio) -> None:
    studio.bring("photo.jpg")
    studio.stylise()
    studio.until(studio.job_id)
    studio.driver.refresh()
    studio.until_finished()
    assert studio.script("return document.getElementById('before').naturalWidth") == 600
    assert studio.width() > 0
    # The photo is still there to be painted again, although the file is gone from the page.
    studio.set("size", 320)
    studio.stylise()
    studio.until(lambda: studio.width() == 320)
    assert studio.errors() == []


def test_a_reload_before_the_first_render_keeps_photo_and_settings(studio: Studio) -> None:
    studio.bring("photo.jpg")
    studio.until_preview()
    studio.all("#grid input")[5].click()
    studio.set("alpha", 0.45)
    studio.set("size", 640)
    chosen = studio.text("style-label")
    studio.driver.refresh()
    studio.until_preview()
    assert studio.text("style-label") == chosen
    assert (studio.text("alpha-value"), studio.text("size-value")) == ("45%", "640 px")
    assert "photo.jpg" in studio.text("status")
    assert studio.errors() == []


def test_a_waiting_job_can_be_stopped(studio: Studio) -> None:
    studio.bring("photo.jpg")
    studio.until_preview()
    # A paused queue starts no job, on a machine of any speed.
    httpx.post(f"{studio.url}/v1/queues/stylize/pause", timeout=PATIENCE).raise_for_status()
    try:
        # A strength that no other test uses: a cached result would be answered without waiting.
        studio.set("alpha", 0.35)
        studio.stylise()
        studio.until(lambda: studio.job_id() and studio.at("cancel").is_displayed())
        studio.at("cancel").click()
        studio.until(lambda: studio.text("status") == "Cancelled")
    finally:
        httpx.post(f"{studio.url}/v1/queues/stylize/resume", timeout=PATIENCE).raise_for_status()
    assert studio.at("stylise").is_enabled()

    stopped = studio.job_id()
    studio.at("retry").click()
    studio.until(lambda: studio.job_id() != stopped)
    studio.until_finished()
    assert studio.job()["retried_from"] == stopped
    assert studio.errors() == []


def test_the_page_goes_on_when_the_server_is_back(studio: Studio) -> None:
    studio.bring("photo.jpg")
    studio.until_preview()
    studio.driver.set_network_conditions(offline=True, latency=0, throughput=0)
    try:
        studio.stylise()
        studio.until(lambda: studio.at("offline").is_displayed())
        assert "can’t be reached" in studio.text("offline")
    finally:
        studio.driver.delete_network_conditions()
    studio.until_finished()
    studio.until(lambda: not studio.at("offline").is_displayed())


def test_a_keyboard_is_enough(studio: Studio) -> None:
    reached = studio.tab_to("stylise")
    assert reached[0] == "skip-link"
    # The file comes before the samples.
    assert reached.index("content-file") < reached.index("search")
    controls = {"search", "random", "alpha", "stroke", "color-style", "try-all", "mix-styles"}
    controls |= {"content-file", "style-file", "region-title", "output-settings"}
    assert controls <= set(reached)
    studio.press(Keys.ENTER)
    assert "photo" in studio.complaint()
    assert studio.focused() == "content-file"

    studio.bring("photo.jpg")
    studio.tab_to("stylise")
    studio.press(Keys.SPACE)
    studio.until_finished()
    studio.script("document.activeElement.blur()")
    studio.tab_to("compare")
    start = int(studio.at("compare").get_property("value"))
    studio.press(Keys.ARROW_RIGHT)
    assert int(studio.at("compare").get_property("value")) == start + 1
    studio.tab_to("show-original")
    assert studio.errors() == []


@pytest.mark.usefixtures("phone")
def test_a_phone_never_scrolls_sideways(studio: Studio, shots: Path) -> None:
    assert studio.script("return innerWidth") == 375
    assert studio.sideways() <= 0
    studio.bring("portrait.png")
    studio.until_strengths()
    assert studio.sideways() <= 0
    studio.driver.save_screenshot(str(shots / "phone-preview.png"))
    studio.stylise()
    studio.until_finished()
    assert studio.sideways() <= 0
    studio.driver.save_screenshot(str(shots / "phone.png"))
    assert studio.errors() == []


def test_a_forgotten_job_is_said_to_be_gone(studio: Studio) -> None:
    # From elsewhere: on the page itself this would only be a change of the hash.
    studio.driver.get("about:blank")
    studio.driver.get(f"{studio.url}/#job=00000000-0000-0000-0000-000000000000")
    studio.until(lambda: studio.text("status") == "That picture is no longer here")
    assert studio.job_id() == ""


def test_the_pages_own_bytes_stay_small(studio: Studio) -> None:
    own = studio.script(
        "return performance.getEntries().filter((each) => each.entryType === 'navigation'"
        " || /[.](js|css|svg)$/.test(each.name)).map((each) => [each.name, each.encodedBodySize])"
    )
    assert any(name.endswith("studio/index.js") for name, _ in own)
    assert 10_000 < sum(size for _, size in own) < 45_000


COPY = """
const [base64, type, done] = [...arguments];
const bytes = Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
navigator.clipboard.write([new ClipboardItem({[type]: new Blob([bytes], {type})})])
  .then(() => done("copied"), (error) => done(String(error)));
"""


def paste(studio: Studio) -> None:
    """Ctrl-V. WebDriver's own keys lack the command that a keyboard's bring with them."""
    key = {"modifiers": 2, "key": "v", "code": "KeyV", "windowsVirtualKeyCode": 86}
    for type_, extra in (("keyDown", {"commands": ["paste"]}), ("keyUp", {})):
        event = {"type": type_, **key, **extra}
        studio.driver.execute_cdp_cmd("Input.dispatchKeyEvent", event)


def test_a_picture_is_pasted(studio: Studio) -> None:
    """Ctrl-V of what lies on the clipboard as other programs put it there."""
    studio.driver.execute_cdp_cmd(
        "Browser.grantPermissions",
        {"origin": studio.url, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]},
    )
    data = base64.b64encode((studio.pictures / "portrait.png").read_bytes()).decode()
    assert studio.driver.execute_async_script(COPY, data, "image/png") == "copied"
    paste(studio)
    studio.until_preview()
    natural = "const it = document.getElementById('before'); return [it.naturalWidth, it.naturalHeight]"
    assert studio.script(natural) == [300, 400]
    # Among the styles it becomes a style, and stays there.
    before = len(studio.all("#grid input"))
    studio.script("document.getElementById('random').focus()")
    paste(studio)
    studio.until(lambda: len(studio.all("#grid input")) == before + 1)
    assert studio.script(natural) == [300, 400]
    studio.reach("remove-style").click()
    studio.until(lambda: len(studio.all("#grid input")) == before)
    assert studio.errors() == []
