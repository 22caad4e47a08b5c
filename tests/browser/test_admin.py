"""The operator's page: queues paused and resumed, jobs in hand, dead letters sent again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from support.browser_page import Page
from support.patience import PATIENCE

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(900)]


@pytest.fixture
def admin_page(chromium: webdriver.Chrome, service_url: str) -> Iterator[Page]:
    page = Page(chromium, service_url)
    page.fresh("/admin")
    page.until(lambda: page.all("#queues .card"))
    yield page
    # Other walks need it open, whatever became of this one.
    httpx.post(f"{service_url}/v1/queues/stylize/resume", timeout=PATIENCE)


def card(page: Page, name: str) -> webdriver.remote.webelement.WebElement:
    return next(
        each for each in page.all("#queues .card") if each.find_element(By.TAG_NAME, "h3").text == name
    )


def test_a_queue_is_paused_and_resumed(admin_page: Page, pictures: Path, shots: Path) -> None:
    # What the pages of earlier walks asked for has ended.
    admin_page.until(lambda: "0 waiting 0 running" in card(admin_page, "stylize").text)
    card(admin_page, "stylize").find_element(By.TAG_NAME, "button").click()
    admin_page.until(lambda: card(admin_page, "stylize").get_attribute("data-paused") == "true")
    with httpx.Client(base_url=admin_page.url, timeout=60) as client:
        queues = {each["name"]: each for each in client.get("/v1/queues").json()["queues"]}
        assert queues["stylize"]["paused"]
        job = client.post(
            "/v1/jobs",
            data={"style_id": "woodcut", "size": "96", "use_cache": "false"},
            files={"content": ("photo.jpg", (pictures / "photo.jpg").read_bytes())},
        ).json()
        admin_page.until(lambda: "1 waiting" in card(admin_page, "stylize").text)
        admin_page.driver.save_screenshot(str(shots / "admin.png"))
        # By keyboard, too: the button keeps the focus while the page looks around again.
        button = card(admin_page, "stylize").find_element(By.TAG_NAME, "button")
        assert button.get_attribute("aria-label") == "Resume the queue stylize"
        button.click()
        admin_page.until(lambda: card(admin_page, "stylize").get_attribute("data-paused") == "false")
        admin_page.until(lambda: client.get(f"/v1/jobs/{job['id']}").json()["status"] == "succeeded")
    assert "Everything answers" in admin_page.text("health")
    admin_page.until(lambda: sum(shown_history(admin_page, "succeeded")) > 0)
    # A job of one's own has its thumbnail and its run time.
    row = f"//tbody[@id='jobs']/tr[contains(., '{job['id'][:8]}')]"
    admin_page.until(lambda: admin_page.driver.find_elements(By.XPATH, f"{row}//img"))

    def times() -> list[str]:
        return [each.text for each in admin_page.driver.find_elements(By.XPATH, f"{row}/td")]

    # The page may replace the cells while they are read.
    admin_page.until(lambda: any(re.fullmatch(r"[0-9.]+ s", text) for text in times()))
    assert admin_page.errors() == []


def shown_history(page: Page, status: str) -> list[int]:
    """The numbers that the sparkline of ended jobs shows, as its label names them."""
    sparklines = page.all(f"#metrics .sparkline.{status}")
    if not sparklines:
        return []
    label = str(sparklines[0].get_attribute("aria-label"))
    return [int(number) for number in label.rsplit(": ", 1)[1].split(", ")]


def test_a_server_that_is_away_is_said_and_waited_for(admin_page: Page) -> None:
    admin_page.driver.set_network_conditions(offline=True, latency=0, throughput=0)
    try:
        admin_page.until(lambda: admin_page.at("offline").is_displayed())
    finally:
        admin_page.driver.delete_network_conditions()
    admin_page.until(lambda: not admin_page.at("offline").is_displayed())


def rows(page: Page, body: str) -> list[str]:
    return [each.text for each in page.all(f"#{body} tr")]


def test_workers_are_seen_also_while_they_have_nothing_to_do(admin_page: Page) -> None:
    admin_page.until(lambda: len(rows(admin_page, "workers")) == 2)
    admin_page.until(lambda: all("idle" in each for each in rows(admin_page, "workers")))
    assert {"stylize", "train"} == {
        queue for each in rows(admin_page, "workers") for queue in ("stylize", "train") if queue in each
    }
    assert all(" s ago" in each for each in rows(admin_page, "workers"))
    assert admin_page.errors() == []


def test_a_job_is_found_among_all_stopped_and_sent_again(
    admin_page: Page, pictures: Path, shots: Path
) -> None:
    with httpx.Client(base_url=admin_page.url, timeout=60) as client:
        client.post("/v1/queues/stylize/pause")
        job = client.post(
            "/v1/jobs",
            data={"style_id": "coral-growth", "size": "80", "use_cache": "false"},
            files={"content": ("photo.jpg", (pictures / "photo.jpg").read_bytes())},
        ).json()
        short = job["id"][:8]
        admin_page.set("status", "queued")
        admin_page.until(lambda: [short in each for each in rows(admin_page, "jobs")] == [True])
        admin_page.set("owner", "nobody-of-that-name")
        admin_page.until(lambda: admin_page.at("no-jobs").is_displayed())
        admin_page.set("owner", "local")
        admin_page.set("kind", "stylize")
        admin_page.until(lambda: len(rows(admin_page, "jobs")) == 1)
        admin_page.reach("jobs-title")
        admin_page.driver.save_screenshot(str(shots / "admin-jobs.png"))

        stop = f"#jobs button[aria-label='Cancel the job {short}']"
        admin_page.all(stop)[0].click()
        admin_page.until(lambda: client.get(f"/v1/jobs/{job['id']}").json()["status"] == "canceled")
        admin_page.until(lambda: not rows(admin_page, "jobs"))
        admin_page.set("status", "canceled")
        again = f"#jobs button[aria-label='Retry the job {short}']"
        admin_page.until(lambda: admin_page.all(again))
        admin_page.all(again)[0].click()
        made = admin_page.until(
            lambda: [
                each
                for each in client.get("/v1/jobs?status=queued").json()["jobs"]
                if each["retried_from"] == job["id"]
            ]
        )
        client.post(made[0]["urls"]["cancel"])
    assert admin_page.errors() == []


def test_a_page_of_jobs_grows_by_the_next(admin_page: Page, pictures: Path) -> None:
    with httpx.Client(base_url=admin_page.url, timeout=60) as client:
        client.post("/v1/queues/stylize/pause")
        photo = ("photo.jpg", (pictures / "photo.jpg").read_bytes())
        batch = client.post(
            "/v1/batches",
            data={"style_id": "woodcut", "use_cache": "false", "size": "64"},
            files=[("content", photo)] * 26,
        ).json()
        admin_page.set("status", "queued")
        admin_page.until(lambda: len(rows(admin_page, "jobs")) == 25)
        admin_page.reach("older").click()
        admin_page.until(lambda: len(rows(admin_page, "jobs")) == 26)
        client.post(batch["urls"]["cancel"])
    admin_page.until(lambda: not rows(admin_page, "jobs"))
