"""Tuning of an own style in the studio: the button, its progress, and the swap when it is ready."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from support.browser_page import Studio

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(900)]


#: Asks for so many steps that no machine ends before the test.
LONG = """
const fetched = window.fetch;
const headers = {"Content-Type": "application/json"};
const body = JSON.stringify({max_steps: 100000});
window.fetch = (url, options) =>
  fetched(url, String(url).endsWith("/tune") ? {...options, headers, body} : options);
"""


def newest_training(studio: Studio) -> Any:
    return httpx.get(f"{studio.url}/v1/jobs?kind=train&limit=1", timeout=60).json()["jobs"][0]


def test_an_own_style_is_tuned_with_one_button(studio: Studio, shots: Path) -> None:
    studio.bring("portrait.png")
    studio.until_preview()
    # Styles of the gallery come tuned: there is nothing to press.
    assert not studio.at("tuning").is_displayed()
    studio.bring("brushes.png", "style-file")
    studio.until(lambda: "brushes" in studio.text("style-label"))
    studio.until(lambda: studio.at("tuning").is_displayed())
    # No time is promised before one was measured, here or by an earlier test on the same service.
    text = studio.text("tuning-text")
    assert "the time left is measured" in text or "as the last tuning here did" in text
    studio.until_preview()
    before = studio.at("after").get_attribute("src")
    studio.driver.save_screenshot(str(shots / "tuning-offered.png"))

    studio.script(LONG)
    studio.reach("tune-style").click()
    studio.until(lambda: studio.text("tune-style") == "Stop")
    studio.until(lambda: "step" in studio.text("tuning-text"))
    studio.driver.save_screenshot(str(shots / "tuning-runs.png"))
    # A reload finds it again.
    studio.driver.refresh()
    studio.until(lambda: "step" in studio.text("tuning-text"))
    job = newest_training(studio)
    assert (job["params"]["recipe"], job["params"]["name"]) == ("tune", "own-brushes")
    httpx.post(f"{studio.url}{job['urls']['finish']}", timeout=60).raise_for_status()

    studio.until(lambda: studio.all("#grid .tile:has(input:checked) .mark"))
    assert not studio.at("tuning").is_displayed()
    assert "tuned" in studio.text("style-label")
    studio.until(lambda: studio.at("after").get_attribute("src") not in (None, "", before))
    studio.until_preview()
    studio.driver.save_screenshot(str(shots / "tuned.png"))
    studio.stylise()
    studio.until_finished()
    assert studio.params()["network"] == "own-brushes@1"
    assert studio.errors() == []
    # A link to the network, as on the training page, chooses the tile of its style.
    studio.fresh("/#network=own-brushes")
    studio.until_gallery()
    studio.until(lambda: "brushes" in studio.text("style-label"))
    httpx.delete(f"{studio.url}/v1/networks/{networks(studio)[0]['id']}", timeout=60)


def networks(studio: Studio) -> Any:
    return httpx.get(f"{studio.url}/v1/networks", timeout=60).json()["items"]


def test_a_tuning_can_be_stopped(studio: Studio) -> None:
    studio.bring("portrait.png", "style-file")
    studio.until(lambda: studio.at("tuning").is_displayed())
    studio.script(LONG)
    studio.reach("tune-style").click()
    studio.until(lambda: studio.text("tune-style") == "Stop")
    studio.reach("tune-style").click()
    studio.until(lambda: studio.text("tune-style") == "Tune to this style")
    assert newest_training(studio)["status"] == "canceled"
    assert studio.errors() == []
