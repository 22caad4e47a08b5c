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

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]

WATCH = """
window.seen = [];
const status = document.getElementById("status");
new MutationObserver(() => window.seen.push(status.textContent)).observe(status, {childList: true});
"""


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

    studio.script(WATCH)
    studio.stylise()
    studio.until_finished()
    seen = studio.script("return window.seen")
    assert "Queued" in seen
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
    samples[0].click()
    studio.until_preview()
    assert "chelsea.png" in studio.text("status")
    # What is shown is the photo, of the size that the installed package has it in.
    assert studio.script("return document.getElementById('before').naturalWidth") == 451
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
    titles = [each["title"] for each in httpx.get(f"{studio.url}/v1/styles").json()["styles"]]
    assert "brushes" not in titles
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
        studio.set("alpha", 0.35)
        studio.stylise()
        studio.until(lambda: studio.job_id() and studio.at("cancel").is_displayed())
        studio.at("cancel").click()
        studio.until(lambda: studio.text("status") == "Cancelled")
        for id_ in ahead:
            client.post(f"/v1/jobs/{id_}/cancel")
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
    assert not studio.at("offline").is_displayed()


def test_a_keyboard_is_enough(studio: Studio) -> None:
    reached = studio.tab_to("stylise")
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
        " || each.name.includes('/static/')).map((each) => [each.name, each.encodedBodySize])"
    )
    assert any(name.endswith("studio/index.js") for name, _ in own)
    assert 10_000 < sum(size for _, size in own) < 40_000


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
