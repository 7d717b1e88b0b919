"""How soon the page is seen in a browser that has nothing of it, from the local stack, and how much script it is."""

from __future__ import annotations

import gzip
import shutil
import statistics
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from bench.stack import running_stack

_SCRIPTS = Path(__file__).resolve().parent.parent / "web" / "dist" / "assets"
_VISITS = 7
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


@dataclass(frozen=True, slots=True)
class Page:
    """The median of the first paints with content in milliseconds, and the kilobytes of script, packed."""

    first_paint: float
    script: float


def measure_page(folder: Path) -> Page:
    """Visit it some times, each time as somebody new."""
    chromium = shutil.which("chromium")
    with running_stack(folder / "page") as stack, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        paints = [_first_paint(browser, stack["pageUrl"]) for _ in range(_VISITS)]
        browser.close()
    packed = sum(len(gzip.compress(path.read_bytes(), 6)) for path in _SCRIPTS.glob("*.js"))
    return Page(statistics.median(paints), packed / 1000)


def _first_paint(browser: Browser, address: str) -> float:
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    page.get_by_role("heading").first.wait_for()
    page.wait_for_function(f"({_PAINT}) !== null")
    painted = float(page.evaluate(_PAINT))
    context.close()
    return painted
