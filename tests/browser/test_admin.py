"""The operator's page: queues paused and resumed, jobs in hand, dead letters sent again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from support.browser_page import Page

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


def rows(page: Page, body: str) -> list[str]:
    return [each.text for each in page.all(f"#{body} tr")]


def test_workers_are_seen_also_while_they_have_nothing_to_do(floor: Page) -> None:
    floor.until(lambda: len(rows(floor, "workers")) == 2)
    floor.until(lambda: all("idle" in each for each in rows(floor, "workers")))
    assert {"stylize", "train"} == {
        queue for each in rows(floor, "workers") for queue in ("stylize", "train") if queue in each
    }
    assert all(" s ago" in each for each in rows(floor, "workers"))
    assert floor.errors() == []


def test_a_job_is_found_among_all_stopped_and_sent_again(
    floor: Page, pictures: Path, shots: Path
) -> None:
    with httpx.Client(base_url=floor.url, timeout=60) as client:
        client.post("/v1/queues/stylize/pause")
        job = client.post(
            "/v1/jobs",
            data={"style_id": "coral-growth", "size": "80", "use_cache": "false"},
            files={"content": ("photo.jpg", (pictures / "photo.jpg").read_bytes())},
        ).json()
        short = job["id"][:8]
        floor.set("status", "queued")
        floor.until(lambda: [short in each for each in rows(floor, "jobs")] == [True])
        floor.set("owner", "nobody-of-that-name")
        floor.until(lambda: floor.at("no-jobs").is_displayed())
        floor.set("owner", "local")
        floor.set("kind", "stylize")
        floor.until(lambda: len(rows(floor, "jobs")) == 1)
        floor.reach("jobs-title")
        floor.driver.save_screenshot(str(shots / "admin-jobs.png"))

        stop = f"#jobs button[aria-label='Cancel the job {short}']"
        floor.all(stop)[0].click()
        floor.until(lambda: client.get(f"/v1/jobs/{job['id']}").json()["status"] == "canceled")
        floor.until(lambda: not rows(floor, "jobs"))
        floor.set("status", "canceled")
        again = f"#jobs button[aria-label='Retry the job {short}']"
        floor.until(lambda: floor.all(again))
        floor.all(again)[0].click()
        made = floor.until(
            lambda: [
                each
                for each in client.get("/v1/jobs?status=queued").json()["jobs"]
                if each["retried_from"] == job["id"]
            ]
        )
        client.post(made[0]["urls"]["cancel"])
    assert floor.errors() == []


def test_a_page_of_jobs_grows_by_the_next(floor: Page, pictures: Path) -> None:
    with httpx.Client(base_url=floor.url, timeout=60) as client:
        client.post("/v1/queues/stylize/pause")
        photo = ("photo.jpg", (pictures / "photo.jpg").read_bytes())
        batch = client.post(
            "/v1/batches",
            data={"style_id": "woodcut", "use_cache": "false", "size": "64"},
            files=[("content", photo)] * 26,
        ).json()
        floor.set("status", "queued")
        floor.until(lambda: len(rows(floor, "jobs")) == 25)
        floor.reach("older").click()
        floor.until(lambda: len(rows(floor, "jobs")) == 26)
        client.post(batch["urls"]["cancel"])
    floor.until(lambda: not rows(floor, "jobs"))
