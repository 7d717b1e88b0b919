"""Pictures of the page's main states, for the README and for whoever reviews a change: `make screenshots`.

Starts a stack of its own, and writes docs/images/*.png.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import ARGUMENTS
from tests.driving import csv_bytes, rows
from tests.stack import start_stack, stop_stack

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
SAMPLE = ROOT / "local" / "samples" / "shift-log.csv"
LONG = 60_000

UNKNOWN = ["Zeitpunkt", "machineName", "processName", "Menge gesamt", "goodParts", "rejectParts"]


def main() -> None:
    """Take all pictures."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        process, stack = start_stack(Path(folder))
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        try:
            _upload(browser, stack)
            _review(browser, stack)
            _phone(browser, stack)
        finally:
            browser.close()
            stop_stack(process)


def _upload(browser: Browser, stack: Mapping[str, Any]) -> None:
    page = _open(browser, stack, "Anna Berg")
    page.set_input_files("input[type=file]", SAMPLE)
    page.fill("[name=workUnitId]", "press-shop")
    _take(page, "chosen")
    page.get_by_role("button", name="Send the file").click()
    page.get_by_role("link", name=SAMPLE.name).wait_for(timeout=LONG)
    page.locator(".badge.mixed").wait_for(timeout=LONG)
    _take(page, "sent")
    page.get_by_role("link", name=SAMPLE.name).click()
    page.get_by_text("rows shown").wait_for()
    page.get_by_label("Row 694, TotalPartsProduced").fill("120")
    page.mouse.move(0, 0)
    _take(page, "refused")
    page.get_by_role("tab", name="Quality").click()
    page.get_by_text("Rows by machine").wait_for()
    _take(page, "quality")
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("dialog").wait_for()
    _take(page, "undo")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="History").click()
    page.get_by_role("link", name=SAMPLE.name).wait_for()
    _take(page, "history")


def _review(browser: Browser, stack: Mapping[str, Any]) -> None:
    page = _open(browser, stack, "Elena Costa")
    page.get_by_label("Show me first").check()
    file = {"name": "monday.csv", "mimeType": "text/csv", "buffer": csv_bytes(rows(250), UNKNOWN)}
    page.set_input_files("input[type=file]", file)  # type: ignore[arg-type] # a TypedDict of Playwright's
    page.fill("[name=workUnitId]", "moulding")
    page.get_by_role("button", name="Send the file").click()
    page.get_by_role("link", name="monday.csv").click(timeout=LONG)
    page.get_by_text("this must be decided").wait_for(timeout=LONG)
    _take(page, "preview")


def _phone(browser: Browser, stack: Mapping[str, Any]) -> None:
    page = _open(
        browser, stack, "Anna Berg", locale="de-DE", color_scheme="dark", viewport={"width": 390, "height": 844}
    )
    page.get_by_role("link", name="Verlauf").click()
    page.get_by_role("link", name=SAMPLE.name).click()
    page.get_by_text("Zeilen gezeigt").wait_for()
    _take(page, "phone")


def _open(browser: Browser, stack: Mapping[str, Any], name: str, **options: Any) -> Page:
    page = browser.new_page(**{"locale": "en-GB", "viewport": {"width": 1280, "height": 860}, **options})
    page.goto(stack["pageUrl"])
    page.get_by_role("button", name=name).click()
    page.locator(".send-page").wait_for()
    return page


def _take(page: Page, name: str) -> None:
    page.screenshot(path=IMAGES / f"{name}.png", animations="disabled")


if __name__ == "__main__":
    main()
