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
from support.patience import PATIENCE

pytest.importorskip("av")
pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(900)]

#: Frames in a second of the clip.
RATE = 20
TIMES = """
const [before, after] = ["before", "after"].map((id) => document.getElementById(id));
return {before: before.currentTime, after: after.currentTime, paused: [before.paused, after.paused]};
"""


def drop(page: Studio, path: Path, type_: str = "video/mp4") -> None:
    data = base64.b64encode(path.read_bytes()).decode()
    page.script(DROP, page.at("history"), path.name, type_, data)


def paint(page: Studio, path: Path, **settings: object) -> None:
    drop(page, path)
    until_opened(page)
    for name, value in settings.items():
        page.set(name, value)
    page.stylise()
    page.until_finished()
    page.until(lambda: state(page) == "compared")


def until_opened(page: Studio) -> None:
    """Wait until the video is shown, alone or beside the preview of its frame."""
    page.until(lambda: state(page) in {"photo", "compared"})


def state(page: Studio) -> str | None:
    return page.at("canvas").get_attribute("data-state")


def times(page: Studio) -> dict[str, Any]:
    return dict(page.script(TIMES))


def test_a_video_becomes_a_painting_and_both_play_in_step(
    video_page: Studio, clip: Path, shots: Path
) -> None:
    video_page.driver.save_screenshot(str(shots / "video-empty.png"))
    drop(video_page, clip)
    until_opened(video_page)
    assert video_page.text("clock") == "0:00.0 / 0:03.0"
    video_page.all("#grid input")[3].click()
    video_page.set("alpha", 0.9)
    video_page.set("size", 192)
    video_page.stylise()
    video_page.until_finished()
    video_page.until(lambda: state(video_page) == "compared")
    assert video_page.script("return document.getElementById('after').videoWidth") == 192
    job = video_page.job()
    assert (job["kind"], job["params"]["alpha"], job["params"]["size"]) == ("video", 0.9, 192)

    video_page.at("play").click()
    assert video_page.at("play").get_attribute("aria-label") == "Pause"
    video_page.until(lambda: times(video_page)["after"] > 0.5)
    assert times(video_page)["paused"] == [False, False]
    video_page.until(lambda: abs(times(video_page)["before"] - times(video_page)["after"]) < 0.3)
    assert times(video_page)["paused"] == [False, False]
    video_page.at("play").click()
    video_page.until(lambda: times(video_page)["paused"] == [True, True])
    video_page.until(lambda: abs(times(video_page)["before"] - times(video_page)["after"]) < 0.5 / RATE)
    video_page.driver.save_screenshot(str(shots / "video-finished.png"))
    assert video_page.script("return document.getElementById('before').muted")

    video_page.until(lambda: video_page.all("#history-list a[aria-current] img"))
    assert video_page.errors() == []


def test_the_frame_that_is_shown_is_previewed(video_page: Studio, clip: Path, shots: Path) -> None:
    drop(video_page, clip)
    video_page.until_preview()
    assert video_page.text("label-after") == "Preview"
    source = "return document.getElementById('latest-frame').src"
    first = video_page.script(source)
    video_page.pick(3)
    video_page.until(lambda: video_page.script(source) not in {"", first})
    second = video_page.script(source)
    video_page.set("seek", 1.5)
    video_page.until(lambda: video_page.script(source) not in {"", first, second})
    video_page.driver.save_screenshot(str(shots / "video-preview.png"))
    # A playing video shows no preview, because its frame is another one every moment.
    video_page.at("play").click()
    video_page.until(lambda: state(video_page) == "photo")
    assert video_page.errors() == []


def test_a_running_video_shows_its_newest_frame_and_is_cancelled(
    video_page: Studio, long_clip: Path, shots: Path
) -> None:
    drop(video_page, long_clip)
    until_opened(video_page)
    video_page.set("size", 640)
    video_page.stylise()
    # A painted frame of the job is shown beside the frame that it was painted from.
    width = "return document.getElementById('latest-frame').naturalWidth"
    video_page.until(lambda: video_page.script(width) == 640)
    assert video_page.kind() == "preview"
    video_page.driver.save_screenshot(str(shots / "video-running.png"))
    video_page.at("cancel").click()
    video_page.until(lambda: video_page.text("status") == "Cancelled")
    assert video_page.errors() == []


def test_the_player_by_mouse_and_by_keyboard(video_page: Studio, clip: Path) -> None:
    paint(video_page, clip, size=128)
    video_page.set("seek", 1.5)
    video_page.until(lambda: abs(times(video_page)["before"] - 1.5) < 0.01)
    video_page.until(lambda: times(video_page)["after"] == pytest.approx(1.5, abs=0.01))
    video_page.at("forward").click()
    # Frame 30 begins at 1.5 s; the middle of the next is half a frame after it has begun.
    video_page.until(lambda: times(video_page)["after"] == pytest.approx(31.5 / RATE, abs=0.002))
    video_page.until(lambda: times(video_page)["before"] == pytest.approx(31.5 / RATE, abs=0.002))
    video_page.press(",", ",")
    video_page.until(lambda: times(video_page)["after"] == pytest.approx(29.5 / RATE, abs=0.002))
    video_page.press(".")
    video_page.until(lambda: times(video_page)["after"] == pytest.approx(30.5 / RATE, abs=0.002))
    video_page.press("m")
    assert video_page.at("mute").get_attribute("aria-pressed") == "true"
    assert video_page.script("return document.getElementById('after').muted")

    # Looped, it comes round; not looped, it stops at the end.
    video_page.set("seek", 2.7)
    video_page.press("k")
    video_page.until(lambda: times(video_page)["after"] < 2)
    video_page.press("k", "l")
    assert video_page.at("loop").get_attribute("aria-pressed") == "false"
    video_page.set("seek", 2.7)
    video_page.record("play", "aria-label")
    video_page.press("k")
    video_page.until(lambda: video_page.recorded("play")[-2:] == ["Pause", "Play"])
    assert times(video_page)["after"] > 2.7
    assert times(video_page)["paused"] == [True, True]

    video_page.set("speed", "0.25")
    rates = "return ['before', 'after'].map((id) => document.getElementById(id).playbackRate)"
    assert video_page.script(rates) == [0.25, 0.25]
    video_page.all("[data-view=side]")[0].click()
    left, right = (video_page.at(each).rect["x"] for each in ("pane-before", "pane-after"))
    assert left < right
    video_page.script("document.getElementById('play').focus()")
    controls = {"back", "forward", "seek", "loop", "mute", "speed", "alpha", "temporal"}
    assert controls <= set(video_page.tab_to("stylise"))
    assert video_page.errors() == []


def test_a_stretch_plays_beside_its_own_part_of_the_original(video_page: Studio, clip: Path) -> None:
    drop(video_page, clip)
    video_page.script("document.getElementById('trim').open = true")
    paint(video_page, clip, size=128, start_s=1, end_s=2)
    assert video_page.script("return document.getElementById('after').duration") == pytest.approx(
        1, abs=0.06
    )
    video_page.set("seek", 0.5)
    video_page.until(lambda: times(video_page)["before"] == pytest.approx(1.5, abs=0.01))


def test_a_reload_in_the_middle_finds_the_video(video_page: Studio, clip: Path) -> None:
    drop(video_page, clip)
    video_page.set("size", 160)
    video_page.set("temporal", 0.35)
    video_page.stylise()
    video_page.until(video_page.job_id)
    video_page.driver.refresh()
    video_page.until_finished()
    video_page.until(lambda: state(video_page) == "compared")
    assert (video_page.text("temporal-value"), video_page.text("size-value")) == ("35%", "160 px")
    # The original came from the service, in ranges, and both can be wound.
    assert "/inputs/content" in str(video_page.at("before").get_property("currentSrc"))
    video_page.set("seek", 2)
    video_page.until(lambda: times(video_page)["before"] == pytest.approx(2, abs=0.01))
    # And it can be painted again, although the file is gone from the page.
    video_page.set("alpha", 0.2)
    first = video_page.job_id()
    video_page.stylise()
    video_page.until(lambda: video_page.job_id() not in {"", first})
    video_page.until_finished()


def test_what_cannot_be_used_is_said_by_its_name(video_page: Studio, tmp_path: Path) -> None:
    drop(video_page, video_page.pictures / "photo.jpg", "image/jpeg")
    assert video_page.complaint() == "photo.jpg is not a video. Pictures are painted in the studio."
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"This is not a video." * 20)
    drop(video_page, broken)
    video_page.until(lambda: state(video_page) == "no-preview")
    assert "broken.mp4" in video_page.text("no-preview")
    video_page.stylise()
    video_page.until(lambda: video_page.complaint().startswith("broken.mp4 "))
    video_page.fresh("/")
    video_page.until_gallery()
    drop(video_page, broken)
    assert "Video page" in video_page.complaint()


def test_every_recipe_makes_the_same_video(video_page: Studio, clip: Path, tmp_path: Path) -> None:
    paint(video_page, clip, size=128, end_s=0.5)
    wanted = video_page.params()
    (tmp_path / "holiday.mp4").write_bytes(clip.read_bytes())
    picture = httpx.get(
        f"{video_page.url}/v1/jobs/{video_page.job_id()}/output", timeout=PATIENCE
    ).content

    def copied(form: str) -> str:
        video_page.script("document.getElementById('menu').open = true")
        video_page.at(form).click()
        video_page.until(lambda: video_page.text("command"))
        video_page.until(lambda: not video_page.at("menu").get_attribute("open"))
        return video_page.text("command")

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
def test_a_phone_never_scrolls_sideways(video_page: Studio, clip: Path, shots: Path) -> None:
    assert video_page.sideways() <= 0
    paint(video_page, clip, size=128)
    assert video_page.sideways() <= 0
    video_page.driver.save_screenshot(str(shots / "video-phone.png"))


def test_nothing_but_tab_and_keys(video_page: Studio, clip: Path) -> None:
    video_page.tab_to("stylise")
    video_page.press(Keys.ENTER)
    assert "video first" in video_page.complaint()
    assert video_page.focused() == "content-file"
    video_page.at("content-file").send_keys(str(clip))
    until_opened(video_page)
    video_page.script("document.activeElement.blur()")
    video_page.tab_to("play")
    video_page.press(Keys.SPACE)
    video_page.until(
        lambda: video_page.script("return document.getElementById('before').currentTime") > 0.2
    )
    video_page.press(Keys.SPACE)
    assert video_page.at("play").get_attribute("aria-label") == "Play"


#: Whether the browser keeps a video that was not sent yet.
DRAFT = """
const done = arguments[arguments.length - 1];
const opening = indexedDB.open("atelier-drafts", 1);
opening.onsuccess = () => {
  const found = opening.result.transaction("files").objectStore("files").count();
  found.onsuccess = () => (opening.result.close(), done(found.result > 0));
};
"""


def test_a_video_that_was_not_sent_yet_survives_a_reload(video_page: Studio, clip: Path) -> None:
    drop(video_page, clip)
    until_opened(video_page)
    video_page.until(lambda: video_page.driver.execute_async_script(DRAFT))
    video_page.set("alpha", 0.45)
    video_page.driver.refresh()
    until_opened(video_page)
    assert video_page.text("status") == "holiday.mp4"
    assert (video_page.text("clock"), video_page.text("alpha-value")) == ("0:00.0 / 0:03.0", "45%")
    video_page.set("size", 128)
    video_page.stylise()
    video_page.until_finished()
    # Once it was sent, the service has it, and the browser keeps nothing.
    for address in ("about:blank", f"{video_page.url}/video"):
        video_page.driver.get(address)
    video_page.until(lambda: video_page.all("#history-list a"))
    video_page.until_gallery()
    assert state(video_page) == "empty"


def test_the_page_goes_on_when_the_server_is_back(video_page: Studio, clip: Path) -> None:
    drop(video_page, clip)
    until_opened(video_page)
    video_page.set("size", 128)
    video_page.set("alpha", 0.55)
    video_page.driver.set_network_conditions(offline=True, latency=0, throughput=0)
    try:
        video_page.stylise()
        video_page.until(lambda: video_page.at("offline").is_displayed())
        assert "can\u2019t be reached" in video_page.text("offline")
    finally:
        video_page.driver.delete_network_conditions()
    video_page.until_finished()
    video_page.until(lambda: state(video_page) == "compared")
    video_page.until(lambda: not video_page.at("offline").is_displayed())
