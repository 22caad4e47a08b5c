"""The operator's page: queues paused and resumed, jobs in hand, dead letters sent again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from browser_page import Page
from selenium import webdriver
from selenium.webdriver.common.by import By

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture
def floor(chromium: webdriver.Chrome, service_url: str) -> Iterator[Page]:
    page = Page(chromium, service_url)
    page.fresh("/admin")
    page.until(lambda: page.all("#queues .card"), seconds=30)
    yield page
    # Other walks need it open, whatever became of this one.
    httpx.post(f"{service_url}/v1/queues/stylize/resume")


def card(page: Page, name: str) -> webdriver.remote.webelement.WebElement:
    return next(
        each for each in page.all("#queues .card") if each.find_element(By.TAG_NAME, "h3").text == name
    )


def test_a_queue_is_paused_and_resumed(floor: Page, pictures: Path, shots: Path) -> None:
    # What the pages of earlier walks asked for has ended.
    floor.until(lambda: "0 waiting 0 running" in card(floor, "stylize").text)
    card(floor, "stylize").find_element(By.TAG_NAME, "button").click()
    floor.until(lambda: card(floor, "stylize").get_attribute("data-paused") == "true")
    with httpx.Client(base_url=floor.url, timeout=60) as client:
        queues = {each["name"]: each for each in client.get("/v1/queues").json()["queues"]}
        assert queues["stylize"]["paused"]
        job = client.post(
            "/v1/jobs",
            data={"style_id": "woodcut", "size": "96", "use_cache": "false"},
            files={"content": ("photo.jpg", (pictures / "photo.jpg").read_bytes())},
        ).json()
        floor.until(lambda: "1 waiting" in card(floor, "stylize").text)
        floor.driver.save_screenshot(str(shots / "admin.png"))
        # By keyboard, too: the button keeps the focus while the page looks around again.
        button = card(floor, "stylize").find_element(By.TAG_NAME, "button")
        assert button.get_attribute("aria-label") == "Resume the queue stylize"
        button.click()
        floor.until(lambda: card(floor, "stylize").get_attribute("data-paused") == "false")
        floor.until(lambda: client.get(f"/v1/jobs/{job['id']}").json()["status"] == "succeeded")
    assert "Everything answers" in floor.text("health")
    assert floor.all("#figures dd")
    assert floor.errors() == []


def test_a_server_that_is_away_is_said_and_waited_for(floor: Page) -> None:
    floor.driver.set_network_conditions(offline=True, latency=0, throughput=0)
    try:
        floor.until(lambda: floor.at("away").is_displayed(), seconds=30)
    finally:
        floor.driver.delete_network_conditions()
    floor.until(lambda: not floor.at("away").is_displayed(), seconds=30)
