"""A training as a person runs it: choose a style, start, watch, pause, go on, stop, paint with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from selenium import webdriver
from support.browser_page import Page, Studio
from support.patience import PATIENCE

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(900)]


@pytest.fixture
def training_page(chromium: webdriver.Chrome, service_url: str) -> Page:
    page = Page(chromium, service_url)
    page.fresh("/training")
    page.until(lambda: page.all("#grid input") and page.all("#dataset option"))
    return page


def small(page: Page, name: str, steps: int) -> None:
    """Settings of a training that takes seconds."""
    page.set("recipe", "johnson")
    page.script("document.querySelector('.disclosure').open = true")
    page.set("name", name)
    page.script("const e = document.getElementById('steps'); e.min = 1; e.step = 1; e.max = 1e6;")
    page.set("steps", steps)
    page.set("image_size", 64)
    page.set("batch_size", 1)


def job_of(page: Page) -> dict[str, Any]:
    id_ = page.script("return new URLSearchParams(location.hash.slice(1)).get('job')")
    return dict(httpx.get(f"{page.url}/v1/jobs/{id_}", timeout=PATIENCE).json())


def losses_of(page: Page) -> list[dict[str, Any]]:
    id_ = page.script("return new URLSearchParams(location.hash.slice(1)).get('job')")
    return list(httpx.get(f"{page.url}/v1/jobs/{id_}/losses", timeout=PATIENCE).json()["items"])


def test_a_training_from_start_to_a_picture(training_page: Page, pictures: Path, shots: Path) -> None:
    training_page.driver.save_screenshot(str(shots / "training-empty.png"))
    training_page.all("#grid input")[6].click()
    assert training_page.at("name").get_property("value")
    small(training_page, "browser-training", 20)
    training_page.record("training-title")
    training_page.at("start").click()
    training_page.until(lambda: "Training browser-training" in training_page.recorded("training-title"))
    training_page.until(lambda: training_page.all(".curve.total"))
    training_page.driver.save_screenshot(str(shots / "training-running.png"))

    # A reload in the middle goes on with the same training_page.
    training_page.driver.refresh()
    training_page.until(lambda: "is ready" in training_page.text("training-title"))
    assert job_of(training_page)["status"] == "succeeded"
    training_page.until(lambda: training_page.all("#filmstrip img"))
    width = "return document.getElementById('sample').naturalWidth"
    training_page.until(lambda: training_page.script(width) > 0)
    # As many points as losses are stored: a faster machine stores fewer of them.
    losses = losses_of(training_page)
    assert losses[-1]["step"] == 20
    points = str(len(losses))
    training_page.until(
        lambda: (
            [each.get_attribute("data-points") for each in training_page.all(".curve.total")]
            == [points]
        )
    )
    assert "total from" in str(training_page.at("loss-curves").get_attribute("aria-label"))
    training_page.until(lambda: "browser-training" in training_page.text("networks"))
    training_page.set("recipe", "johnson")  # the reload has chosen the default again
    training_page.until(lambda: "About" in training_page.text("estimate"))
    training_page.driver.save_screenshot(str(shots / "training-done.png"))

    # The network as a file for another runtime.
    training_page.record("networks")
    training_page.script(
        "HTMLAnchorElement.prototype.click = function () { window.taken = this.href; };"
        "const list = document.querySelector('#networks select'); list.value = 'torchscript';"
        "list.dispatchEvent(new Event('change'));"
    )
    training_page.until(lambda: training_page.script("return window.taken ?? ''"))
    assert any("writing TorchScript" in text for text in training_page.recorded("networks"))
    file = httpx.get(
        str(training_page.script("return window.taken")), timeout=PATIENCE
    ).raise_for_status()
    assert file.content[:2] == b"PK"  # as PyTorch's archives begin
    assert file.headers["Content-Disposition"].endswith(".pt")
    assert "version 1" in training_page.text("networks")
    training_page.driver.refresh()
    training_page.until(lambda: training_page.at("use-network").is_displayed())

    training_page.at("use-network").click()
    studio = Studio(training_page.driver, training_page.url, pictures)
    studio.until_gallery()
    studio.until(lambda: studio.text("style-label").startswith("browser-training"))
    studio.bring("photo.jpg")
    studio.until_preview()
    studio.set("size", 256)
    studio.stylise()
    studio.until_finished()
    assert str(studio.params()["network"]).startswith("browser-training")
    assert training_page.errors() == []


def test_a_training_is_paused_goes_on_and_is_stopped_when_it_looks_good(training_page: Page) -> None:
    small(training_page, "browser-pause", 100_000)
    training_page.at("start").click()
    training_page.until(lambda: "Training" in training_page.text("training-title"))
    # With a newer one waiting, the page opens the one that runs.
    fields = {"kind": "train", "name": "browser-next", "style_id": "woodcut", "max_steps": "10"}
    fields["dataset_id"] = str(job_of(training_page)["params"]["dataset_id"])
    newer = httpx.post(f"{training_page.url}/v1/jobs", data=fields, timeout=60).json()
    running = job_of(training_page)["id"]
    training_page.fresh("/training")
    training_page.until(lambda: "Training browser-pause" in training_page.text("training-title"))
    httpx.post(f"{training_page.url}/v1/jobs/{newer['id']}/cancel", timeout=PATIENCE).raise_for_status()
    training_page.script(f"location.hash = 'job={running}'")
    training_page.until(lambda: training_page.at("pause").is_displayed())
    training_page.at("pause").click()
    training_page.until(lambda: training_page.text("training-title") == "Paused")
    assert job_of(training_page)["paused"] is True
    training_page.at("resume").click()
    training_page.until(lambda: "Training" in training_page.text("training-title"))
    training_page.until(lambda: training_page.at("finish").is_displayed())
    training_page.at("finish").click()
    training_page.until(lambda: "is ready" in training_page.text("training-title"))
    names = [
        each["name"]
        for each in httpx.get(f"{training_page.url}/v1/networks", timeout=PATIENCE).json()["items"]
    ]
    assert "browser-pause" in names


def test_names_are_taken_as_people_write_them(training_page: Page) -> None:
    training_page.set("name", "My Wáves, no. 2!")
    assert training_page.text("saved-name") == "Saved as my-waves-no-2"
    training_page.set("name", "!")
    training_page.at("start").click()
    training_page.until(lambda: training_page.at("notice").is_displayed())
    assert "at least one letter or digit" in training_page.text("notice")
    assert training_page.errors() == []


#: Whether the curve of the total loss ever goes back to an earlier step.
MONOTONE = """
const xs = document.querySelector(".curve.total").getAttribute("d").split(/[ML]/).slice(1)
  .map((point) => Number(point.split(" ")[0]));
return xs.every((x, n) => n === 0 || x > xs[n - 1]);
"""


def test_the_chart_follows_the_training_that_is_opened(training_page: Page) -> None:
    """With the losses of two short trainings, which are opened in turn."""
    made = {}
    dataset = str(training_page.all("#dataset option")[0].get_attribute("value"))
    with httpx.Client(base_url=training_page.url, timeout=60) as client:
        for name in ("browser-one", "browser-two"):
            fields = {"kind": "train", "name": name, "style_id": "woodcut", "dataset_id": dataset}
            small_run = {"max_steps": "10", "image_size": "64", "batch_size": "1"}
            made[name] = client.post("/v1/jobs", data=fields | small_run).json()["id"]
        for id_ in made.values():
            training_page.until(
                lambda id_=id_: client.get(f"/v1/jobs/{id_}").json()["status"] == "succeeded"
            )
    for name in ("browser-one", "browser-two", "browser-one"):
        training_page.script(f"location.hash = 'job={made[name]}'")
        training_page.until(lambda name=name: name in training_page.text("training-title"))
        training_page.until(lambda: training_page.all(".curve.total"))
        assert training_page.script(MONOTONE)
    assert training_page.errors() == []


def test_a_style_is_tuned_by_default(training_page: Page) -> None:
    assert training_page.at("recipe").get_property("value") == "tune"
    assert not training_page.at("dataset").is_displayed()
    training_page.all("#grid input")[4].click()
    training_page.set("name", "browser-tuned")
    training_page.script("const e = document.getElementById('tune_steps'); e.min = 1; e.step = 1;")
    training_page.set("tune_steps", 2)
    training_page.set("intensity", "bold")
    training_page.at("start").click()
    training_page.until(lambda: "is ready" in training_page.text("training-title"))
    params = job_of(training_page)["params"]
    assert (params["recipe"], params["max_steps"], params["intensity"]) == ("tune", 2, "bold")
    training_page.until(lambda: "About" in training_page.text("estimate"))
    assert training_page.errors() == []
