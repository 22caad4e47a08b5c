"""A lesson as a person gives it: choose a painting, start, watch, pause, go on, stop, paint with it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from selenium import webdriver
from support.browser_page import Page, Studio

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(400)]


@pytest.fixture
def lesson(chromium: webdriver.Chrome, service_url: str) -> Page:
    page = Page(chromium, service_url)
    page.fresh("/training")
    page.until(lambda: page.all("#grid input") and page.all("#dataset option"), seconds=30)
    return page


def small(page: Page, name: str, steps: int) -> None:
    """Settings of a lesson that takes seconds."""
    page.script("document.querySelector('.more').open = true")
    page.set("name", name)
    page.script("const e = document.getElementById('steps'); e.min = 1; e.step = 1; e.max = 5000;")
    page.set("steps", steps)
    page.set("image_size", 64)
    page.set("batch_size", 1)


def job_of(page: Page) -> dict[str, object]:
    id_ = page.script("return new URLSearchParams(location.hash.slice(1)).get('job')")
    return dict(httpx.get(f"{page.url}/v1/jobs/{id_}").json())


def test_a_lesson_from_start_to_a_picture(lesson: Page, pictures: Path, shots: Path) -> None:
    lesson.driver.save_screenshot(str(shots / "training-empty.png"))
    lesson.all("#grid input")[6].click()
    assert lesson.at("name").get_property("value")
    small(lesson, "browser-lesson", 60)
    lesson.at("start").click()
    lesson.until(lambda: "Learning" in lesson.text("training-title"), seconds=200)
    lesson.until(lambda: lesson.all(".curve.total"), seconds=200)
    lesson.driver.save_screenshot(str(shots / "training-running.png"))

    # A reload in the middle goes on with the same lesson.
    lesson.driver.refresh()
    lesson.until(lambda: "is ready" in lesson.text("training-title"), seconds=300)
    assert job_of(lesson)["status"] == "succeeded"
    lesson.until(lambda: lesson.all("#filmstrip img"))
    assert lesson.script("return document.getElementById('sample').naturalWidth") > 0
    points = int(str(lesson.all(".curve.total")[0].get_attribute("data-points")))
    assert points > 5
    assert "total from" in str(lesson.at("curves").get_attribute("aria-label"))
    lesson.until(lambda: "browser-lesson" in lesson.text("works"))
    assert "About" in lesson.text("estimate")
    lesson.driver.save_screenshot(str(shots / "training-done.png"))

    # The network as a file for another runtime.
    lesson.script(
        "HTMLAnchorElement.prototype.click = function () { window.taken = this.href; };"
        "const list = document.querySelector('#works select'); list.value = 'torchscript';"
        "list.dispatchEvent(new Event('change'));"
    )
    lesson.until(lambda: "writing TorchScript" in lesson.text("works"))
    lesson.until(lambda: lesson.script("return window.taken ?? ''"), seconds=200)
    file = httpx.get(str(lesson.script("return window.taken"))).raise_for_status()
    assert file.content[:2] == b"PK"  # as PyTorch's archives begin
    assert file.headers["Content-Disposition"].endswith(".pt")
    assert "version 1" in lesson.text("works")
    lesson.driver.refresh()
    lesson.until(lambda: lesson.at("use").is_displayed())

    lesson.at("use").click()
    studio = Studio(lesson.driver, lesson.url, pictures)
    studio.until_hung()
    studio.until(lambda: studio.text("style-label").startswith("browser-lesson"))
    studio.bring("photo.jpg")
    studio.until_preview()
    studio.set("size", 256)
    studio.stylise()
    studio.until_finished()
    assert str(studio.params()["network"]).startswith("browser-lesson")
    assert lesson.errors() == []


def test_a_lesson_is_paused_goes_on_and_is_stopped_when_it_looks_good(lesson: Page) -> None:
    small(lesson, "browser-pause", 3000)
    lesson.at("start").click()
    lesson.until(lambda: "Learning" in lesson.text("training-title"), seconds=200)
    lesson.at("pause").click()
    lesson.until(lambda: lesson.text("training-title") == "Paused", seconds=120)
    assert job_of(lesson)["paused"] is True
    lesson.at("resume").click()
    lesson.until(lambda: "Learning" in lesson.text("training-title"), seconds=200)
    lesson.until(lambda: lesson.at("finish").is_displayed())
    lesson.at("finish").click()
    lesson.until(lambda: "is ready" in lesson.text("training-title"), seconds=200)
    names = [each["name"] for each in httpx.get(f"{lesson.url}/v1/networks").json()["items"]]
    assert "browser-pause" in names


def test_a_name_that_cannot_be_used_is_said(lesson: Page) -> None:
    lesson.set("name", "Not A Name!")
    lesson.at("start").click()
    lesson.until(lambda: lesson.at("notice").is_displayed())
    assert "name" in lesson.text("notice").lower() or "pattern" in lesson.text("notice")
