"""A file that is sent in parts: paused, cut off from the network, and gone on with after the page was closed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.driving import HEADER, csv_bytes, rows

Visit = Callable[..., Page]
PART_BYTES = 16 << 20
NUMBER = re.compile(r"[?&]partNumber=(\d+)")


def large_file(path: Path, size: int) -> Path:
    """Few records with a long note each, in about so many bytes."""
    note = "n" * 60_000
    count = size // (len(note) + 70)
    path.write_bytes(csv_bytes([[*row, note] for row in rows(count)], [*HEADER, "note"]))
    return path


class Parts:
    """The parts that a page sends, and those that S3 has; one that is to be held waits until it is let go or lost."""

    def __init__(self, page: Page, held: int | None = None) -> None:
        self.sent: list[int] = []
        self.stored: list[int] = []
        self._held = held
        self._waiting: list[Route] = []
        page.route(NUMBER, self._handle)
        page.on("requestfinished", self._note)

    def _handle(self, route: Route) -> None:
        number = part_number(route.request)
        if route.request.method == "PUT" and number == self._held:
            self._waiting.append(route)
            return
        if route.request.method == "PUT":
            self.sent.append(number)
        route.continue_()

    def _note(self, request: Request) -> None:
        if request.method == "PUT" and NUMBER.search(request.url):
            self.stored.append(part_number(request))

    def start_anew(self) -> None:
        """Hold nothing more; what was held is lost, as the page has given it up."""
        self._held = None
        self._waiting.clear()
        self.sent.clear()

    def let_go(self) -> None:
        """Send what was held, and hold nothing more."""
        self._held = None
        for route in self._waiting:
            self.sent.append(part_number(route.request))
            route.continue_()
        self._waiting.clear()


def part_number(request: Request) -> int:
    found = NUMBER.search(request.url)
    assert found
    return int(found[1])


def start(page: Page, path: Path) -> None:
    """To the preview, which shows that the file came whole: importing it has tests of its own."""
    page.get_by_label("Show me first").check()
    page.set_input_files("input[type=file]", path)
    page.fill("[name=workUnitId]", "foundry")
    page.get_by_role("button", name="Send the file").click()


def half_sent(visit: Visit, folder: Path) -> tuple[Page, Parts, Path]:
    """A file of two parts, of which S3 has the first, and the second is on its way."""
    path = large_file(folder / "cast.csv", 20 << 20)
    page = visit()
    parts = Parts(page, held=2)
    start(page, path)
    _wait_until(page, lambda: parts.stored == [1])
    return page, parts, path


def expect_arrival(page: Page, path: Path) -> None:
    """It is sent, and the preview has as many records as the file."""
    expect(page.locator(".file")).to_have_count(0, timeout=60_000)
    page.get_by_role("link", name=path.name).click(timeout=60_000)
    count = len(path.read_bytes().splitlines()) - 1
    expect(page.get_by_role("button", name=f"Import {count} records")).to_be_visible(timeout=60_000)


@pytest.mark.parametrize(("size", "how"), [(20 << 20, "kept"), (36 << 20, "lost")])
def test_a_closed_page_goes_on_where_it_was(visit: Visit, tmp_path: Path, size: int, how: str) -> None:
    """Parts that have come are not sent again; a small file is at hand after a reload, a large one is chosen again."""
    path = large_file(tmp_path / "cast.csv", size)
    last = -(-path.stat().st_size // PART_BYTES)
    page = visit()
    parts = Parts(page, held=last)
    start(page, path)
    expect(page.get_by_text(re.compile(r"sent"))).to_be_visible(timeout=30_000)
    _wait_until(page, lambda: len(parts.stored) == last - 1)
    page.reload()
    parts.start_anew()
    if how == "kept":
        page.get_by_role("button", name="Go on").click()
    else:
        expect(page.get_by_text("Choose the same file again")).to_be_visible()
        other = tmp_path / "changed" / path.name
        other.parent.mkdir()
        other.write_bytes(path.read_bytes()[::-1])
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Choose the file again").click()
        chooser.value.set_files(other)
        expect(page.get_by_text("This is another file, or it was changed since.")).to_be_visible()
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Choose the file again").click()
        chooser.value.set_files(path)
    expect_arrival(page, path)
    assert parts.sent == [last]


def test_it_pauses_and_goes_on(visit: Visit, tmp_path: Path) -> None:
    """While it is paused nothing is sent."""
    page, parts, path = half_sent(visit, tmp_path)
    page.get_by_role("button", name="Pause: cast.csv").click()
    expect(page.get_by_text("Paused at")).to_be_visible()
    parts.start_anew()
    page.wait_for_timeout(300)
    assert parts.sent == []
    page.get_by_role("button", name="Go on: cast.csv").click()
    expect_arrival(page, path)
    assert parts.sent == [2]


def test_without_a_connection_it_waits(visit: Visit, tmp_path: Path) -> None:
    """It says so, and goes on by itself."""
    page, parts, path = half_sent(visit, tmp_path)
    page.context.set_offline(True)
    expect(page.get_by_text("No connection; it goes on by itself")).to_be_visible()
    parts.let_go()
    page.wait_for_timeout(1000)
    page.context.set_offline(False)
    expect_arrival(page, path)


def test_a_file_that_is_taken_back_is_cancelled(visit: Visit, tmp_path: Path) -> None:
    """The service is told, so that nothing waits for the rest of it."""
    page, _, _ = half_sent(visit, tmp_path)
    page.get_by_role("button", name="Remove: cast.csv").click()
    expect(page.get_by_text("The import was cancelled.")).to_be_visible(timeout=30_000)


def _wait_until(page: Page, holds: Callable[[], bool]) -> None:
    for _ in range(300):
        if holds():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it did not come to that")
