"""Screenshots of the studio for the README: `python -m gallery.screenshots URL` of a running service.

Needs Chromium, chromedriver and selenium. Look at the pictures before they are committed.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from gallery.photographs import write_photographs

OUT = Path(__file__).parents[1] / "docs" / "images"
#: Size of the window in CSS pixels.
WINDOW = (1440, 900)
#: Seconds until a page has done what is waited for, also on a busy machine.
PATIENCE = 120


def open_browser(folder: Path) -> Any:
    """A headless Chromium with an empty profile in `folder`."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    size = f"--window-size={WINDOW[0]},{WINDOW[1]}"
    flags = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
    )
    for flag in (*flags, size, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def save(driver: Any, name: str) -> None:
    """Save what the window shows as a WebP of docs/images."""
    with Image.open(io.BytesIO(driver.get_screenshot_as_png())) as shot:
        shot.convert("RGB").save(OUT / name, "WEBP", quality=80, method=6)


def wait_until(driver: Any, condition: str) -> None:
    """Wait until a JavaScript expression is true."""
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, PATIENCE).until(lambda each: each.execute_script(f"return {condition}"))


def studio(driver: Any, url: str, photo: Path) -> None:
    """Paint `photo` in the studio, and save it with its five strengths."""
    driver.get(url)
    wait_until(driver, "document.querySelectorAll('#grid input').length > 0")
    driver.find_element("id", "content-file").send_keys(str(photo))
    driver.execute_script("document.querySelector('#grid input[value=\"night-oils\"]').click()")
    wait_until(driver, "document.getElementById('canvas').dataset.kind === 'preview'")
    strengths = "[...document.querySelectorAll('#strengths img')]"
    wait_until(driver, f"{strengths}.length && {strengths}.every((each) => each.naturalWidth)")
    driver.find_element("id", "stylise").click()
    wait_until(driver, "document.getElementById('canvas').dataset.kind === 'final'")
    driver.execute_script("scrollTo(0, 0)")
    wait_until(driver, f"{strengths}.every((each) => each.naturalWidth)")
    save(driver, "studio.webp")


def main() -> None:
    """Take the screenshots of the service at the address of the command line."""
    if len(sys.argv) != 2:
        sys.exit("Usage: python -m gallery.screenshots URL")
    with tempfile.TemporaryDirectory() as folder:
        write_photographs(Path(folder) / "photographs")
        driver = open_browser(Path(folder) / "profile")
        try:
            studio(driver, sys.argv[1], Path(folder) / "photographs" / "astronaut.png")
        finally:
            driver.quit()


if __name__ == "__main__":
    main()
