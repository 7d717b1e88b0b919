"""What a product owes everybody: screen readers, keyboards, phones, the dark, German, a small script, a policy."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.driving import csv_bytes, rows

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
DIST = ROOT / "web" / "dist"

Visit = Callable[..., Page]


@pytest.fixture
def with_refusals(visit: Visit, send: Callable[..., None]) -> Callable[..., Page]:
    """The page with an upload of which rows were refused."""

    def make(**options: Any) -> Page:
        table = rows(30)
        table[3][3] = "many"
        table[4][0] = "yesterday"
        page = visit(**options)
        send(page, csv_bytes(table), "bad.csv")
        expect(page.locator(".badge.mixed")).to_be_visible(timeout=60_000)
        return page

    return make


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_every_state_is_accessible(with_refusals: Callable[..., Page], scheme: str, width: int) -> None:
    """Axe finds nothing serious, and nothing lies beyond the edge of a phone."""
    page = with_refusals(color_scheme=scheme, viewport={"width": width, "height": 800})
    _check(page, "the upload page")
    page.get_by_role("link", name="bad.csv").click()
    expect(page.get_by_text("2 of 2 rows shown")).to_be_visible()
    page.get_by_text("The whole row").first.click()
    _check(page, "refused rows")
    for tab, words in (("Quality", "Refusals by reason"), ("How it was read", "Because"), ("Audit trail", "By")):
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_text(words).first).to_be_visible()
        _check(page, tab)
    page.get_by_role("button", name="Undo").click()
    _check(page, "a dialog")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="History").click()
    expect(page.get_by_role("link", name="bad.csv")).to_be_visible()
    _check(page, "the history")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    _check(page, "the sign-in")


@pytest.mark.parametrize("width", [1280, 375])
def test_the_preview_is_accessible(visit: Visit, send: Callable[..., None], width: int) -> None:
    """With a question and columns that are not known, which have the most to tell."""
    page = visit(viewport={"width": width, "height": 800})
    page.get_by_label("Show me first").check()
    send(
        page,
        csv_bytes(rows(5), ["when", "machineName", "processName", "how many", "goodParts", "rejectParts"]),
        "new.csv",
    )
    page.get_by_role("link", name="new.csv").click(timeout=60_000)
    expect(page.get_by_text("Before it can go in")).to_be_visible(timeout=60_000)
    _check(page, "the preview")


def _check(page: Page, where: str) -> None:
    # As the browser's own tools run it: the page's policy lets no script in that is not its own.
    found = page.evaluate(AXE.read_text() + "; axe.run(document, {resultTypes: ['violations']})")
    serious = [
        f"{where}: {violation['id']}: {node['html'][:200]}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
    assert serious == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{where} is wider than the window"


def test_a_keyboard_is_enough(visit: Visit, tmp_path: Path) -> None:
    """From the skip link to the file chooser, the form and the tabs of an upload."""
    (tmp_path / "keys.csv").write_bytes(csv_bytes(rows(4)))
    page = visit()
    page.reload()  # so that the first key is the first thing that happens
    expect(page.get_by_text("Drop files here")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Drop files here")).to_be_focused()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(tmp_path / "keys.csv")
    page.get_by_label("Work unit").focus()
    page.keyboard.type("press-shop")
    page.keyboard.press("Enter")
    expect(page.get_by_text("4 of 4 records were imported.")).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="keys.csv").focus()
    page.keyboard.press("Enter")
    page.get_by_role("tab", name="Refused rows").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Quality")).to_be_focused()
    expect(page.get_by_role("tab", name="Quality")).to_have_attribute("aria-selected", "true")


def test_it_speaks_german(visit: Visit, tmp_path: Path) -> None:
    """By the browser's languages, with its numbers; the choice of another language is kept."""
    (tmp_path / "viele.csv").write_bytes(csv_bytes(rows(1200)))
    page = visit(locale="de-AT")
    expect(page.get_by_role("heading", name="Fertigungsdaten einlesen")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "de"
    page.set_input_files("input[type=file]", tmp_path / "viele.csv")
    page.get_by_label("Arbeitseinheit").fill("presse")
    page.get_by_role("button", name="Datei senden").click()
    expect(page.get_by_text("1\u00a0200 von 1\u00a0200 Datensätzen wurden importiert.")).to_be_visible(timeout=60_000)
    page.get_by_label("Sprache").select_option("en")
    expect(page.get_by_text("1,200 of 1,200 records were imported.")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Bring manufacturing data in")).to_be_visible()


def test_the_script_is_small() -> None:
    """All that the page runs, packed as it is sent: under 250 kB."""
    scripts = [path.read_bytes() for path in (DIST / "assets").glob("*.js")]
    assert scripts
    assert sum(len(gzip.compress(script, 6)) for script in scripts) < 250_000


def test_the_policy_holds(browser: Browser, stack: dict[str, Any]) -> None:
    """No script runs that stands in the page's text, as one would that was smuggled in."""
    page = browser.new_page()
    page.goto(stack["pageUrl"])
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.smuggled = true";
            document.body.append(script);
        }"""
    )
    assert page.evaluate("window.smuggled") is None
    page.close()
