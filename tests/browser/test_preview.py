"""What one sees before asking for the full render: previews, the strip, the sheet, mixtures, masks."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from support.browser_page import Studio

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(900)]

#: Mean difference of two pictures that the page shows, in grey levels.
DIFFERENCE = """
const read = (image) => {
  const canvas = new OffscreenCanvas(64, 64);
  const ink = canvas.getContext("2d");
  ink.drawImage(image, 0, 0, 64, 64);
  return ink.getImageData(0, 0, 64, 64).data;
};
const [one, other] = arguments;
const [a, b] = [read(one), read(other)];
return a.reduce((sum, value, n) => sum + Math.abs(value - b[n]), 0) / a.length;
"""


def difference(studio: Studio, one: Any, other: Any) -> float:
    return float(studio.script(DIFFERENCE, one, other))


def listed(studio: Studio) -> list[dict[str, Any]]:
    return list(httpx.get(f"{studio.url}/v1/jobs?limit=100", timeout=60).json()["jobs"])


def test_a_preview_follows_the_settings_and_leaves_no_trace(studio: Studio, shots: Path) -> None:
    before = {job["id"] for job in listed(studio)}
    studio.bring("photo.jpg")
    studio.until_preview()
    assert studio.width() == 384
    assert "preview" in studio.text("detail")
    first = studio.at("after").get_attribute("src")
    studio.all("#grid input")[6].click()
    studio.until(lambda: studio.at("after").get_attribute("src") != first)
    studio.until_strengths()
    studio.driver.save_screenshot(str(shots / "preview.png"))
    # Previews are taken out of the history as soon as they were fetched.
    studio.until(lambda: {job["id"] for job in listed(studio)} <= before)
    assert studio.job_id() == ""
    assert studio.errors() == []


def test_five_strengths_to_choose_from(studio: Studio) -> None:
    studio.bring("photo.jpg")
    studio.until_strengths()
    strengths = studio.all("#strengths img")
    photo = studio.at("before")
    steps = [difference(studio, photo, each) for each in strengths]
    # Each is further from the photo than the one before, and the last is far.
    assert steps == sorted(steps)
    assert steps[-1] > 10

    studio.all("#strengths button")[1].click()
    assert studio.text("alpha-value") == "40%"
    assert studio.all("#strengths button")[1].get_attribute("aria-pressed") == "true"
    studio.until(lambda: difference(studio, studio.at("after"), strengths[1]) < 1)


def test_a_strength_between_two_is_blended_at_once_and_then_made(studio: Studio) -> None:
    studio.bring("photo.jpg")
    studio.until_strengths()
    studio.record("label-after")
    studio.record("overlay", "style")
    studio.script(
        "const alpha = document.getElementById('alpha'); alpha.value = 0.5;"
        "alpha.dispatchEvent(new Event('input', {bubbles: true}));"
    )
    # First one of the five over another, marked as rough; then the exact preview.
    studio.until(lambda: studio.recorded("label-after")[-1:] == ["Preview"])
    assert studio.recorded("label-after")[0] == "Preview, roughly"
    assert studio.recorded("overlay")[0] == "--share: 0.5;"
    assert not studio.at("overlay").get_attribute("src")


def test_every_style_on_ones_own_photo(studio: Studio, shots: Path) -> None:
    studio.bring("photo.jpg")
    studio.until_preview()
    studio.reach("try-all").click()
    studio.until(lambda: len(studio.all(".tile.own-photo")) >= 6)
    first, second = studio.all(".tile.own-photo img")[:2]
    assert difference(studio, first, second) > 4
    assert str(first.get_attribute("src")).startswith("blob:")
    studio.driver.save_screenshot(str(shots / "sheet.png"))
    studio.reach("try-all").click()
    assert studio.all(".tile.own-photo") == []
    assert studio.errors() == []


def test_styles_are_searched_liked_and_drawn_by_lot(studio: Studio) -> None:
    def hung() -> list[str]:
        return [
            str(e.get_attribute("title"))
            for e in studio.all("label.tile:not(.upload-tile)")
            if e.is_displayed()
        ]

    everything = hung()
    studio.at("search").send_keys("waves")
    assert 0 < len(hung()) < len(everything)
    studio.at("search").send_keys(Keys.CONTROL + "a", Keys.DELETE)
    # By an artist or a movement that no title names.
    studio.at("search").send_keys("van gogh")
    assert hung() == ["Night wind"]
    studio.at("search").send_keys(Keys.CONTROL + "a", Keys.DELETE)
    studio.at("search").send_keys("no such style")
    assert studio.at("no-styles").is_displayed()
    studio.at("search").send_keys(Keys.CONTROL + "a", Keys.DELETE)
    assert hung() == everything

    before = studio.text("style-label")
    studio.at("random").click()
    assert studio.text("style-label") != before
    studio.at("favourite").click()
    studio.at("favourites-only").click()
    [liked] = hung()
    assert studio.text("style-label").startswith(liked)
    studio.driver.refresh()
    studio.until_gallery()
    studio.at("favourites-only").click()
    assert hung() == [liked]


def test_three_styles_are_mixed_by_hand_keys_and_numbers(studio: Studio, shots: Path) -> None:
    studio.bring("photo.jpg")
    studio.until_preview()
    studio.reach("mix-styles").click()
    for _ in range(2):
        studio.pick(0)
    names = [str(each.get_attribute("aria-label")) for each in studio.all("#mixer input")]
    assert len(names) == 3

    def shares() -> list[int]:
        return [int(str(each.get_property("value"))) for each in studio.all("#mixer input")]

    assert shares() in ([33, 33, 33], [33, 34, 33])
    knob = studio.reach("mixer-handle")
    ActionChains(studio.driver).move_to_element(knob).click_and_hold().move_by_offset(
        0, -60
    ).release().perform()
    assert shares()[0] > 60
    moved = shares()
    studio.press(Keys.ARROW_DOWN)
    assert shares()[0] < moved[0]
    number = studio.all("#mixer input")[1]
    number.send_keys(Keys.CONTROL + "a")
    number.send_keys("70")
    assert shares()[1] == 70
    assert 99 <= sum(shares()) <= 101
    studio.driver.save_screenshot(str(shots / "mix.png"))

    studio.set("size", 256)
    wanted = shares()
    studio.stylise()
    studio.until_finished()
    styles = studio.params()["styles"]
    assert [round(100 * each["weight"]) for each in styles] == [share for share in wanted if share]
    # As somebody finds it who opens the link later.
    studio.driver.refresh()
    studio.until_finished()
    studio.until(lambda: shares() == wanted)
    assert studio.errors() == []


def test_a_fifth_style_does_not_fit(studio: Studio) -> None:
    studio.reach("mix-styles").click()
    for _ in range(3):
        studio.pick(0)
    assert len(studio.all("#grid input:checked")) == 4
    assert all(not each.is_enabled() for each in studio.all("#grid input:not(:checked)"))
    studio.reach("mix-styles").click()
    assert len(studio.all("#grid input:checked")) == 1
    assert not studio.at("mixer").is_displayed()


def test_a_part_is_kept_with_a_mask(studio: Studio, shots: Path) -> None:
    studio.bring("photo.jpg")
    studio.until_preview()
    studio.reach("region-title").click()
    studio.until(lambda: studio.all("#mask-paint"))
    studio.set("mask-width", 30)
    studio.set("feather", 6)
    studio.reach("mask-paint").click()
    brush = studio.at("mask-canvas")
    hand = ActionChains(studio.driver).move_to_element_with_offset(brush, -60, 0)
    hand.click_and_hold().move_by_offset(120, 0).release().perform()
    studio.driver.save_screenshot(str(shots / "mask.png"))
    studio.reach("mask-paint").click()
    studio.set("size", 600)
    studio.stylise()
    studio.until_finished()

    [region] = studio.params()["regions"]
    assert (region["alpha"], region["feather"]) == (0, 6)
    # In the middle of the stroke the photo is left as it is; far from it, it is painted.
    spots = """
    const at = (id, x, y) => {
      const image = document.getElementById(id);
      const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
      const ink = canvas.getContext("2d");
      ink.drawImage(image, 0, 0);
      return [...ink.getImageData(image.naturalWidth * x, image.naturalHeight * y, 20, 20).data];
    };
    const apart = (x, y) => {
      const [one, other] = [at("before", x, y), at("after", x, y)];
      return one.reduce((sum, value, n) => sum + Math.abs(value - other[n]), 0) / one.length;
    };
    return [apart(0.5, 0.5), apart(0.05, 0.05)];
    """
    inside, outside = studio.script(spots)
    assert inside < 3 < 8 < outside
    assert studio.errors() == []


def test_the_brush_works_by_keyboard_and_inside_out(studio: Studio) -> None:
    studio.bring("photo.jpg")
    studio.until_preview()
    studio.reach("region-title").click()
    studio.until(lambda: studio.all("#mask-paint"))
    studio.reach("mask-paint").click()
    studio.at("mask-canvas").send_keys(Keys.SPACE, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.SPACE)
    studio.reach("mask-invert").click()
    studio.set("size", 256)
    studio.stylise()
    studio.until_finished()
    mask = next(each for each in studio.job()["inputs"] if each["role"] == "mask_1")
    picture = httpx.get(studio.url + mask["url"], timeout=60).content
    with Image.open(io.BytesIO(picture)) as image:
        grey = image.convert("L")
    assert grey.getpixel((grey.width // 2, grey.height // 2)) == 0
    assert grey.getpixel((2, 2)) == 255


def test_the_settings_stay_in_reach_of_a_mouse(studio: Studio) -> None:
    """The button sticks to the bottom of the settings and hides nothing for good."""
    studio.bring("photo.jpg")
    studio.until_preview()
    for name in ("alpha", "stroke", "color-match", "region-title", "output-settings"):
        element = studio.reach(name)
        box = element.rect
        assert box["height"] > 0
    assert studio.driver.find_element(By.ID, "stylise").is_displayed()


#: How opaque the brush's sheet is in its middle and near its corner.
SHEET = """
const sheet = document.getElementById("mask-canvas");
const ink = sheet.getContext("2d");
const at = (x, y) => ink.getImageData(sheet.width * x, sheet.height * y, 1, 1).data[3];
return [at(0.5, 0.5), at(0.02, 0.02)];
"""


def test_a_part_is_still_there_after_a_reload(studio: Studio) -> None:
    studio.bring("photo.jpg")
    studio.until_preview()
    studio.reach("region-title").click()
    studio.until(lambda: studio.all("#mask-paint"))
    studio.reach("mask-paint").click()
    studio.at("mask-canvas").send_keys(Keys.SPACE, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.SPACE)
    studio.reach("mask-invert").click()
    studio.set("feather", 8)
    studio.set("mask-style", "woodcut")
    studio.set("mask-alpha", 0.4)
    kept = "return JSON.parse(localStorage.getItem('atelier.session')).mask?.alpha"
    studio.until(lambda: studio.script(kept) == 0.4)
    studio.driver.refresh()
    studio.until(lambda: studio.all("#mask-canvas"))
    studio.until(lambda: studio.script(SHEET) == [255, 0])
    assert studio.at("mask-invert").is_selected()
    assert studio.text("feather-value") == "8 px"
    assert (studio.text("mask-alpha-value"), studio.at("mask-style").get_property("value")) == (
        "40%",
        "woodcut",
    )
    studio.set("size", 256)
    studio.stylise()
    studio.until_finished()
    [region] = studio.params()["regions"]
    assert (region["alpha"], region["feather"], region["style_id"]) == (0.4, 8, "woodcut")

    # As it is from the link to the job, and it goes into what is made next.
    studio.driver.refresh()
    studio.until_finished()
    studio.until(lambda: studio.all("#mask-canvas"))
    # What was inside out was sent as it counts: everything but the middle.
    studio.until(lambda: studio.script(SHEET) == [0, 255])
    studio.set("alpha", 0.95)
    first = studio.job_id()
    studio.stylise()
    studio.until(lambda: studio.job_id() not in {"", first})
    studio.until_finished()
    assert studio.params()["regions"] == [region]

    # Another photo has none.
    studio.bring("portrait.png")
    studio.until_preview()
    studio.driver.refresh()
    studio.until_preview()
    assert not studio.all("#mask-canvas")
    assert studio.errors() == []
