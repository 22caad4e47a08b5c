"""The studio through a person's hands and eyes, for the walks in `tests/browser`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait
from support.patience import PATIENCE

SET = """
const [element, value] = arguments;
element.value = value;
for (const name of ["input", "change"]) element.dispatchEvent(new Event(name, {bubbles: true}));
"""
#: Inputs of tiles that can be mixed; those of trained networks can't.
MIXABLE = "#grid :not([data-network]) > input"
#: Records every text of an element, or every value of an attribute of it, in `window.recorded[id]`.
RECORD = """
const [id, attribute] = arguments;
const element = document.getElementById(id);
const read = () => (attribute ? element.getAttribute(attribute) : element.textContent);
const seen = ((window.recorded ??= {})[id] = []);
const options = {childList: true, characterData: true, subtree: true, attributes: Boolean(attribute)};
new MutationObserver(() => seen.push(read())).observe(element, options);
"""
DROP = """
const [target, name, type, base64] = arguments;
const bytes = Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
const dataTransfer = new DataTransfer();
dataTransfer.items.add(new File([bytes], name, {type}));
for (const kind of ["dragenter", "dragover", "drop"])
  target.dispatchEvent(new DragEvent(kind, {dataTransfer, bubbles: true, cancelable: true}));
"""


class Page:
    """Any page of the service in a browser."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver, self.url = driver, url

    def fresh(self, path: str = "/") -> None:
        """Open a page as somebody does who was never here."""
        self.driver.get("about:blank")
        self.driver.execute_cdp_cmd(
            "Storage.clearDataForOrigin",
            {"origin": self.url, "storageTypes": "local_storage,indexeddb"},
        )
        self.driver.get_log("browser")
        self.driver.get(self.url + path)

    def at(self, id_: str) -> WebElement:
        return self.driver.find_element(By.ID, id_)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, id_: str) -> str:
        return str(self.at(id_).get_property("textContent"))

    def script(self, code: str, *arguments: Any) -> Any:
        return self.driver.execute_script(code, *arguments)

    def set(self, id_: str, value: object) -> None:
        """Put a range, a field or a list where a hand would put it."""
        self.script(SET, self.at(id_), str(value))

    def reach(self, name: str) -> WebElement:
        """Scroll to an element, as a person does when the sticky button lies over it."""
        element = self.at(name)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        return element

    def until(self, done: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Wait for a condition; the limit is generous, because it costs nothing on a quick machine."""
        # An element that the page has just replaced is looked up again.
        patient = WebDriverWait(
            self.driver,
            seconds,
            poll_frequency=0.1,
            ignored_exceptions=[StaleElementReferenceException],
        )
        return patient.until(lambda _: done())

    def record(self, id_: str, attribute: str | None = None) -> None:
        """Record what an element shows from now on; states may be too short to be polled for."""
        self.script(RECORD, id_, attribute)

    def recorded(self, id_: str) -> list[str]:
        return list(self.script("return window.recorded[arguments[0]]", id_))

    def press(self, *keys: str) -> None:
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def focused(self) -> str:
        return str(self.script("return document.activeElement.id"))

    def tab_to(self, id_: str) -> list[str]:
        """Tab from where the focus is; the ids reached, each of which showed its focus."""
        reached: list[str] = []
        for _ in range(90):
            self.press(Keys.TAB)
            reached.append(self.focused())
            assert self.script("return document.activeElement.matches(':focus-visible, body')")
            if reached[-1] == id_:
                return reached
        pytest.fail(f"{id_} is not reached by Tab: {reached}")

    def sideways(self) -> int:
        """By how many pixels the page is wider than the window.

        `innerWidth` would not tell: a phone widens its window for what does not fit.
        """
        root = "document.documentElement"
        return int(self.script(f"return {root}.scrollWidth - {root}.clientWidth"))

    def emulate(self, **features: str) -> None:
        """Media features, such as `prefers_color_scheme="dark"`; none: as they are."""
        said = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": said})

    def errors(self) -> list[str]:
        return [
            entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"
        ]


class Studio(Page):
    """The studio."""

    def __init__(self, driver: webdriver.Chrome, url: str, pictures: Path) -> None:
        super().__init__(driver, url)
        self.pictures = pictures

    def open(self) -> None:
        self.fresh()
        self.until_gallery()

    def until_gallery(self) -> None:
        self.until(lambda: len(self.all("#grid input")) > 0)

    def bring(self, name: str, to: str = "content-file") -> None:
        self.at(to).send_keys(str(self.pictures / name))

    def pick(self, number: int) -> None:
        """Click the tile of that number, of those that can be mixed and are not selected."""
        tile = self.all(f"{MIXABLE}:not(:checked)")[number]
        self.script("arguments[0].scrollIntoView({block: 'center'})", tile)
        tile.click()

    def kind(self) -> str | None:
        """`preview` or `final`: what hangs beside the photo."""
        return self.at("canvas").get_attribute("data-kind")

    def until_preview(self) -> None:
        self.until(lambda: self.kind() == "preview")

    def until_strengths(self) -> None:
        """Wait for the five strengths."""
        full = (
            "return [...document.querySelectorAll('#strengths img')].every((each) => each.naturalWidth)"
        )
        self.until(lambda: self.script(full))

    def stylise(self) -> None:
        self.at("stylise").click()

    def until_finished(self) -> None:
        self.until(lambda: self.text("status") == "Finished" and self.kind() == "final")

    def complaint(self) -> str:
        self.until(lambda: self.at("notice").is_displayed())
        return self.text("notice")

    def width(self) -> int:
        """Width of the picture on the canvas, in its own pixels."""
        return int(self.script("return document.getElementById('after').naturalWidth"))

    def job_id(self) -> str:
        return str(self.script("return new URLSearchParams(location.hash.slice(1)).get('job') ?? ''"))

    def job(self) -> dict[str, Any]:
        return dict(httpx.get(f"{self.url}/v1/jobs/{self.job_id()}", timeout=60).json())

    def params(self) -> dict[str, Any]:
        return dict(self.job()["params"])
