"""Cancel, undo and import again, each after being told what will happen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.driving import csv_bytes, rows


def test_an_import_is_undone_and_done_again(
    visit: Callable[..., Page], send: Callable[..., None], query: Callable[..., list[list[Any]]]
) -> None:
    """The dialog names the number of records; a no leaves them, a yes takes them out, another import brings them in."""
    page = visit()
    send(page, csv_bytes(rows(120)), "undone.csv")
    page.get_by_role("link", name="undone.csv").click(timeout=60_000)
    page.get_by_role("button", name="Undo").click(timeout=60_000)
    upload_id = page.url.rsplit("/", 1)[-1]
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("All 120 records that “undone.csv” brought in leave the table.")
    expect(dialog.get_by_role("button", name="No, leave it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert _stored(query, upload_id) == 120

    page.get_by_role("button", name="Undo").click()
    dialog.get_by_role("button", name="Take the records out").click()
    expect(page.get_by_text("the 120 records of this upload have left the table")).to_be_visible(timeout=60_000)
    assert _stored(query, upload_id) == 0

    page.get_by_role("button", name="Import again").click()
    dialog.get_by_role("button", name="Import again").click()
    expect(page.get_by_text("120 of 120 records were imported.")).to_be_visible(timeout=60_000)
    assert _stored(query, upload_id) == 120


def test_an_upload_is_cancelled(visit: Callable[..., Page], send: Callable[..., None]) -> None:
    """While it waits for the person's word: nothing has gone in, and nothing will."""
    page = visit()
    page.get_by_label("Show me first").check()
    send(page, csv_bytes(rows(10)), "cancelled.csv")
    page.get_by_role("link", name="cancelled.csv").click(timeout=60_000)
    expect(page.get_by_text("Read, and waiting for you")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Cancel", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Nothing of “cancelled.csv” has gone in yet, and nothing will.")
    dialog.get_by_role("button", name="Cancel the import").click()
    expect(page.get_by_text("The import was cancelled.")).to_be_visible()


def _stored(query: Callable[..., list[list[Any]]], upload_id: str) -> int:
    [[count]] = query("SELECT count(*) FROM production_records WHERE upload_id = :id", id=upload_id)
    return int(count)
