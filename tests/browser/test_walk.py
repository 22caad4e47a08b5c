"""One walk through the studio, from a photo to the downloaded picture, for quick runs of the tests."""

from __future__ import annotations

import io
from pathlib import Path

import httpx
import pytest
from PIL import Image
from support.browser_page import Studio
from support.patience import PATIENCE

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(900)]


def test_a_photo_is_styled_and_downloaded(studio: Studio, shots: Path) -> None:
    studio.bring("photo.jpg")
    studio.pick(3)
    style = str(studio.all("#grid input:checked")[0].get_attribute("value"))
    studio.set("alpha", 0.6)
    studio.set("size", 256)
    studio.until_preview()

    studio.stylise()
    studio.until_finished()
    params = studio.params()
    assert (params["alpha"], params["size"]) == (0.6, 256)
    styles = {
        each["id"]: each["sha256"]
        for each in httpx.get(f"{studio.url}/v1/styles", timeout=PATIENCE).json()["styles"]
    }
    inputs = {each["role"]: each["sha256"] for each in studio.job()["inputs"]}
    assert inputs["style"] == styles[style]
    studio.driver.save_screenshot(str(shots / "walk.png"))

    answer = httpx.get(str(studio.at("download").get_property("href")), timeout=60)
    assert answer.headers["Content-Disposition"].startswith("attachment")
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.width == 256
    assert studio.errors() == []
