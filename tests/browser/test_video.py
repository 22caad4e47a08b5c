"""A video as a person has it painted: drop it, choose, watch it grow, and play both in step."""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from selenium.webdriver.common.keys import Keys
from support.browser_page import DROP, Studio

pytest.importorskip("av")
pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(400)]

#: Frames in a second of the clip.
RATE = 20
TIMES = """
const [before, after] = ["before", "after"].map((id) => document.getElementById(id));
return {before: before.currentTime, after: after.currentTime, paused: [before.paused, after.paused]};
"""


def drop(page: Studio, path: Path, type_: str = "video/mp4") -> None:
    data = base64.b64encode(path.read_bytes()).decode()
    page.script(DROP, page.at("recent"), path.name, type_, data)


def paint(page: Studio, path: Path, **settings: object) -> None:
    drop(page, path)
    page.until(lambda: state(page) == "photo")
    for name, value in settings.items():
        page.set(name, value)
    page.stylise()
    page.until_finished()
    page.until(lambda: state(page) == "compared")


def state(page: Studio) -> str | None:
    return page.at("wall").get_attribute("data-state")


def times(page: Studio) -> dict[str, Any]:
    return dict(page.script(TIMES))


def test_a_video_becomes_a_painting_and_both_play_in_step(
    cinema: Studio, clip: Path, shots: Path
) -> None:
    cinema.driver.save_screenshot(str(shots / "video-empty.png"))
    drop(cinema, clip)
    cinema.until(lambda: state(cinema) == "photo")
    assert cinema.text("clock") == "0:00.0 / 0:03.0"
    cinema.all("#grid input")[3].click()
    cinema.set("alpha", 0.9)
    cinema.set("size", 192)
    cinema.stylise()
    # A frame that was painted hangs beside the one that it was painted from.
    cinema.until(lambda: cinema.kind() == "preview")
    assert cinema.script("return document.getElementById('foretaste').naturalWidth") == 192
    cinema.driver.save_screenshot(str(shots / "video-running.png"))
    cinema.until_finished()
    cinema.until(lambda: state(cinema) == "compared")
    assert cinema.script("return document.getElementById('after').videoWidth") == 192
    job = cinema.job()
    assert (job["kind"], job["params"]["alpha"], job["params"]["size"]) == ("video", 0.9, 192)

    cinema.at("play").click()
    assert cinema.at("play").get_attribute("aria-label") == "Pause"
    cinema.until(lambda: times(cinema)["after"] > 0.5)
    running = times(cinema)
    assert running["paused"] == [False, False]
    assert abs(running["before"] - running["after"]) < 0.3
    cinema.at("play").click()
    cinema.until(lambda: times(cinema)["paused"] == [True, True])
    cinema.until(lambda: abs(times(cinema)["before"] - times(cinema)["after"]) < 0.5 / RATE)
    cinema.driver.save_screenshot(str(shots / "video-finished.png"))
    assert cinema.script("return document.getElementById('before').muted")

    cinema.until(lambda: cinema.all("#rack a[aria-current] img"))
    assert cinema.errors() == []


def test_the_player_by_mouse_and_by_keyboard(cinema: Studio, clip: Path) -> None:
    paint(cinema, clip, size=128)
    cinema.set("seek", 1.5)
    cinema.until(lambda: abs(times(cinema)["before"] - 1.5) < 0.01)
    assert times(cinema)["after"] == pytest.approx(1.5, abs=0.01)
    cinema.at("forward").click()
    # Frame 30 begins at 1.5 s; the middle of the next is half a frame after it has begun.
    cinema.until(lambda: times(cinema)["after"] == pytest.approx(31.5 / RATE, abs=0.002))
    cinema.until(lambda: times(cinema)["before"] == pytest.approx(31.5 / RATE, abs=0.002))
    cinema.press(",", ",")
    cinema.until(lambda: times(cinema)["after"] == pytest.approx(29.5 / RATE, abs=0.002))
    cinema.press(".")
    cinema.until(lambda: times(cinema)["after"] == pytest.approx(30.5 / RATE, abs=0.002))
    cinema.press("m")
    assert cinema.at("mute").get_attribute("aria-pressed") == "true"
    assert cinema.script("return document.getElementById('after').muted")

    # Looped, it comes round; not looped, it stops at the end.
    cinema.set("seek", 2.7)
    cinema.press("k")
    cinema.until(lambda: times(cinema)["after"] < 2)
    cinema.press("k", "l")
    assert cinema.at("loop").get_attribute("aria-pressed") == "false"
    cinema.set("seek", 2.7)
    cinema.press("k")
    assert cinema.at("play").get_attribute("aria-label") == "Pause"
    cinema.until(lambda: cinema.at("play").get_attribute("aria-label") == "Play")
    assert times(cinema)["after"] > 2.7
    assert times(cinema)["paused"] == [True, True]

    cinema.set("speed", "0.25")
    rates = "return ['before', 'after'].map((id) => document.getElementById(id).playbackRate)"
    assert cinema.script(rates) == [0.25, 0.25]
    cinema.all("[data-view=side]")[0].click()
    left, right = (cinema.at(each).rect["x"] for each in ("pane-before", "pane-after"))
    assert left < right
    cinema.script("document.getElementById('play').focus()")
    controls = {"back", "forward", "seek", "loop", "mute", "speed", "alpha", "temporal"}
    assert controls <= set(cinema.tab_to("stylise"))
    assert cinema.errors() == []


def test_a_stretch_plays_beside_its_own_part_of_the_original(cinema: Studio, clip: Path) -> None:
    drop(cinema, clip)
    cinema.script("document.getElementById('stretch').open = true")
    paint(cinema, clip, size=128, start_s=1, end_s=2)
    assert cinema.script("return document.getElementById('after').duration") == pytest.approx(
        1, abs=0.06
    )
    cinema.set("seek", 0.5)
    cinema.until(lambda: times(cinema)["before"] == pytest.approx(1.5, abs=0.01))


def test_a_reload_in_the_middle_finds_the_video(cinema: Studio, clip: Path) -> None:
    drop(cinema, clip)
    cinema.set("size", 160)
    cinema.set("temporal", 0.35)
    cinema.stylise()
    cinema.until(cinema.job_id)
    cinema.driver.refresh()
    cinema.until_finished()
    cinema.until(lambda: state(cinema) == "compared")
    assert (cinema.text("temporal-said"), cinema.text("size-said")) == ("35%", "160 px")
    # The original came from the service, in ranges, and both can be wound.
    assert "/inputs/content" in str(cinema.at("before").get_property("currentSrc"))
    cinema.set("seek", 2)
    cinema.until(lambda: times(cinema)["before"] == pytest.approx(2, abs=0.01))
    # And it can be painted again, although the file is gone from the page.
    cinema.set("alpha", 0.2)
    first = cinema.job_id()
    cinema.stylise()
    cinema.until(lambda: cinema.job_id() not in {"", first})
    cinema.until_finished()


def test_what_cannot_be_used_is_said_by_its_name(cinema: Studio, tmp_path: Path) -> None:
    drop(cinema, cinema.pictures / "photo.jpg", "image/jpeg")
    assert cinema.complaint() == "photo.jpg is no video. Pictures are painted in the studio."
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"This is not a video." * 20)
    drop(cinema, broken)
    cinema.until(lambda: state(cinema) == "unpreviewed")
    assert "broken.mp4" in cinema.text("unpreviewed")
    cinema.stylise()
    cinema.until(lambda: cinema.complaint().startswith("broken.mp4 "))
    cinema.fresh("/")
    cinema.until_hung()
    drop(cinema, broken)
    assert "Video page" in cinema.complaint()


def test_every_recipe_makes_the_same_video(cinema: Studio, clip: Path, tmp_path: Path) -> None:
    paint(cinema, clip, size=128, end_s=0.5)
    wanted = cinema.params()
    (tmp_path / "holiday.mp4").write_bytes(clip.read_bytes())
    picture = httpx.get(f"{cinema.url}/v1/jobs/{cinema.job_id()}/output").content

    def copied(form: str) -> str:
        cinema.script("document.getElementById('menu').open = true")
        cinema.at(form).click()
        cinema.until(lambda: cinema.text("command"))
        cinema.until(lambda: not cinema.at("menu").get_attribute("open"))
        return cinema.text("command")

    def run(*command: str) -> bytes:
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout

    assert json.loads(run(*shlex.split(copied("curl"))))["params"] == wanted
    words = shlex.split(copied("cli"))
    assert words[:2] == ["atelier", "submit-video"]
    for command in (["-m", "atelier", *words[1:]], ["-c", copied("python")]):
        run(sys.executable, *command)
        assert (tmp_path / "painting.mp4").read_bytes() == picture
        (tmp_path / "painting.mp4").unlink()


@pytest.mark.usefixtures("phone")
def test_a_phone_never_scrolls_sideways(cinema: Studio, clip: Path, shots: Path) -> None:
    assert cinema.sideways() <= 0
    paint(cinema, clip, size=128)
    assert cinema.sideways() <= 0
    cinema.driver.save_screenshot(str(shots / "video-phone.png"))


def test_nothing_but_tab_and_keys(cinema: Studio, clip: Path) -> None:
    cinema.tab_to("stylise")
    cinema.press(Keys.ENTER)
    assert "video first" in cinema.complaint()
    assert cinema.focused() == "photo-file"
    cinema.at("photo-file").send_keys(str(clip))
    cinema.until(lambda: state(cinema) == "photo")
    cinema.script("document.activeElement.blur()")
    cinema.tab_to("play")
    cinema.press(Keys.SPACE)
    cinema.until(lambda: cinema.script("return document.getElementById('before').currentTime") > 0.2)
    cinema.press(Keys.SPACE)
    assert cinema.at("play").get_attribute("aria-label") == "Play"


def test_a_video_that_was_not_sent_yet_survives_a_reload(cinema: Studio, clip: Path) -> None:
    drop(cinema, clip)
    cinema.until(lambda: state(cinema) == "photo")
    cinema.set("alpha", 0.45)
    cinema.driver.refresh()
    cinema.until(lambda: state(cinema) == "photo")
    assert cinema.text("status") == "holiday.mp4"
    assert (cinema.text("clock"), cinema.text("alpha-said")) == ("0:00.0 / 0:03.0", "45%")
    cinema.set("size", 128)
    cinema.stylise()
    cinema.until_finished()
    # Once it was sent, the service has it, and the browser keeps nothing.
    for address in ("about:blank", f"{cinema.url}/video"):
        cinema.driver.get(address)
    cinema.until(lambda: cinema.all("#rack a"))
    cinema.until_hung()
    assert state(cinema) == "empty"


def test_the_page_goes_on_when_the_server_is_back(cinema: Studio, clip: Path) -> None:
    drop(cinema, clip)
    cinema.until(lambda: state(cinema) == "photo")
    cinema.set("size", 128)
    cinema.set("alpha", 0.55)
    cinema.driver.set_network_conditions(offline=True, latency=0, throughput=0)
    try:
        cinema.stylise()
        cinema.until(lambda: cinema.at("away").is_displayed())
        assert "can\u2019t be reached" in cinema.text("away")
    finally:
        cinema.driver.delete_network_conditions()
    cinema.until_finished()
    cinema.until(lambda: state(cinema) == "compared")
    assert not cinema.at("away").is_displayed()
