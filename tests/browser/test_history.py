"""The history: earlier pictures are opened, compared, deleted, and copied as commands."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys
from support.browser_page import Studio
from support.patience import PATIENCE

from jobs.blobs.storage import sha256_of

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(900)]


def paint(studio: Studio, alpha: float, size: int = 320) -> str:
    """A picture of `photo.jpg`; its job's id."""
    studio.bring("photo.jpg")
    studio.set("alpha", alpha)
    studio.set("size", size)
    studio.stylise()
    studio.until_finished()
    return studio.job_id()


def menu(studio: Studio, name: str) -> None:
    if not studio.at("menu").get_attribute("open"):
        studio.at("menu").find_element("css selector", "summary").click()
    studio.at(name).click()


def test_an_earlier_picture_is_opened_from_the_history(studio: Studio) -> None:
    first = paint(studio, 0.25)
    newest = paint(studio, 1)
    studio.until(lambda: studio.all(f"#history-list a[href$='{first}'] img"))
    # What hangs there is small, whatever the picture weighs.
    small = httpx.get(
        str(studio.all(f"#history-list a[href$='{first}'] img")[0].get_attribute("src")),
        timeout=PATIENCE,
    )
    assert (small.headers["Content-Type"], len(small.content) < 20_000) == ("image/webp", True)
    link = studio.all(f"#history-list a[href$='{first}']")[0]
    studio.script("scrollTo(0, document.body.scrollHeight)")
    link.click()
    studio.until(lambda: studio.job_id() != newest)
    studio.until(lambda: studio.text("alpha-value") == "25%")
    studio.until_finished()
    # The caption names style and strength, and the whole picture is in sight.
    title = str(studio.script("return document.querySelector('#style-label strong').textContent"))
    assert studio.text("detail").startswith(title)
    assert ", 25% · 320 × 213 px" in studio.text("detail")
    top = "return document.getElementById('canvas').getBoundingClientRect().top"
    studio.until(lambda: studio.script(top) >= -1)
    assert studio.errors() == []


def test_any_two_are_compared(studio: Studio, shots: Path) -> None:
    one, other = paint(studio, 0.3), paint(studio, 0.9)
    menu(studio, "compare-with")
    assert studio.at("pick-hint").is_displayed()
    studio.all(f"#history-list a[href$='{one}']")[0].click()
    studio.until(lambda: studio.text("status") == "Two pictures")
    assert "30%" in studio.text("label-before")
    assert "90%" in studio.text("label-after")
    sources = [str(studio.at(each).get_attribute("src")) for each in ("before", "after")]
    assert one in sources[0]
    assert other in sources[1]
    studio.all("[data-view=side]")[0].click()
    studio.driver.save_screenshot(str(shots / "two.png"))
    assert studio.sideways() <= 0
    assert studio.errors() == []


def test_looking_closely_at_both_in_step(studio: Studio, shots: Path) -> None:
    paint(studio, 0.8, size=2048)
    studio.at("zoom").click()
    assert studio.at("zoom").get_attribute("aria-pressed") == "true"
    matrix = """
    const look = (id) => getComputedStyle(document.getElementById(id)).transform;
    return [look("before"), look("after")];
    """
    near, far = studio.script(matrix)
    assert near == far
    scale = float(near.removeprefix("matrix(").split(",")[0])
    pane = studio.script("return document.getElementById('pane-after').clientWidth")
    assert scale == pytest.approx(2048 / pane, rel=0.01)
    studio.all("[data-view=side]")[0].click()
    studio.script("document.getElementById('zoom').focus()")
    studio.at("zoom").click()
    studio.at("zoom").click()
    before = studio.script(matrix)
    ActionChains(studio.driver).key_down(Keys.SHIFT).send_keys(Keys.ARROW_RIGHT).key_up(
        Keys.SHIFT
    ).perform()
    after = studio.script(matrix)
    assert after[0] == after[1] != before[0]
    studio.driver.save_screenshot(str(shots / "close.png"))


def test_the_original_while_it_is_held(studio: Studio) -> None:
    paint(studio, 0.8)
    hidden = "return getComputedStyle(document.getElementById('pane-after')).visibility"
    hand = ActionChains(studio.driver).click_and_hold(studio.at("show-original"))
    hand.perform()
    assert studio.script(hidden) == "hidden"
    ActionChains(studio.driver).release().perform()
    assert studio.script(hidden) == "visible"


def test_settings_are_used_again_on_another_photo(studio: Studio) -> None:
    studio.all("#grid input")[4].click()
    old = paint(studio, 0.55)
    studio.all("#grid input")[1].click()
    studio.set("alpha", 1)
    studio.all(f"#history-list a[href$='{old}']")[0].click()
    studio.until_finished()
    menu(studio, "use-settings")
    studio.bring("portrait.png")
    studio.until_preview()
    assert studio.text("alpha-value") == "55%"
    assert studio.all("#grid input")[4].is_selected()
    studio.stylise()
    studio.until_finished()
    assert studio.params()["alpha"] == 0.55
    assert studio.job_id() != old


def test_a_picture_is_deleted(studio: Studio) -> None:
    gone = paint(studio, 0.65)
    menu(studio, "delete")
    studio.until(lambda: not studio.all(f"#history-list a[href$='{gone}']"))
    assert studio.job_id() == ""
    # It can be undone, and the picture is open again.
    studio.at("undo").click()
    studio.until(lambda: studio.job_id() == gone)
    studio.until_finished()
    studio.until(lambda: studio.all(f"#history-list a[href$='{gone}'] img"))
    menu(studio, "delete")
    studio.until(lambda: httpx.get(f"{studio.url}/v1/jobs/{gone}", timeout=PATIENCE).status_code == 404)
    # From the history as well.
    other = paint(studio, 0.7)
    studio.script(
        "document.querySelector(`#history-list a[href$='${arguments[0]}'] + .history-action`).click()",
        other,
    )
    studio.until(lambda: not studio.all(f"#history-list a[href$='{other}']"))
    studio.until(
        lambda: httpx.get(f"{studio.url}/v1/jobs/{other}", timeout=PATIENCE).status_code == 404
    )


def copied(studio: Studio, form: str) -> str:
    menu(studio, form)
    studio.until(lambda: studio.text("command"))
    # The menu closes by itself, and not under the next click.
    studio.until(lambda: not studio.at("menu").get_attribute("open"))
    return studio.text("command")


def test_every_recipe_makes_the_same_picture(studio: Studio, tmp_path: Path) -> None:
    """The three are run as they stand, and ask for what the page asked for."""
    made = paint(studio, 0.75)
    (tmp_path / "photo.jpg").write_bytes((studio.pictures / "photo.jpg").read_bytes())
    wanted = studio.params()
    output = httpx.get(f"{studio.url}/v1/jobs/{made}/output", timeout=PATIENCE)
    saved = tmp_path / f"painting.{output.headers['Content-Type'].removeprefix('image/')}"
    saved = saved.with_suffix(".jpg") if saved.suffix == ".jpeg" else saved

    curl = copied(studio, "curl")
    answer = subprocess.run(shlex.split(curl), cwd=tmp_path, capture_output=True, check=True)
    assert json.loads(answer.stdout)["params"] == wanted

    words = shlex.split(copied(studio, "cli"))
    assert words[0] == "atelier"
    subprocess.run(
        [sys.executable, "-m", "atelier", *words[1:]], cwd=tmp_path, check=True, capture_output=True
    )
    # Compared by their hashes: the difference of two pictures takes pytest minutes to show.
    assert sha256_of(saved.read_bytes()) == sha256_of(output.content)

    saved.unlink()
    code = copied(studio, "python")
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    assert sha256_of(saved.read_bytes()) == sha256_of(output.content)
