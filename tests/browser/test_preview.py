"""Before anything goes in: the file as it was read, corrected by the person, and remembered for the next one."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.driving import csv_bytes, rows

HEADER = ["Zeitpunkt XY", "machineName", "processName", "Stückzahl gesamt XY", "goodParts", "rejectParts"]
"""The first and the fourth are names that nobody knows."""


def test_a_mapping_is_corrected_and_remembered(visit: Callable[..., Page], send: Callable[..., None]) -> None:
    """What is missing is asked for; once it is mapped, the file goes in, and the next one of its kind by itself."""
    page = visit()
    page.get_by_label("Show me first").check()
    send(page, csv_bytes(rows(25), HEADER), "monday.csv")
    page.get_by_role("link", name="monday.csv").click(timeout=60_000)
    expect(page.get_by_text("Before it can go in, this must be decided:")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("row", name="Zeitpunkt XY not mapped")).to_be_visible()

    page.get_by_label("Goes to: Zeitpunkt XY").select_option("timestamp")
    page.get_by_label("Goes to: Stückzahl gesamt XY").select_option("totalPartsProduced")
    page.get_by_label("Remember this as").fill("Mondays machine")
    page.get_by_role("button", name="Show me again").click()
    expect(page.get_by_text("This is how the file was read.")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Import 25 records").click()
    expect(page.get_by_text("25 of 25 records were imported.")).to_be_visible(timeout=60_000)

    page.get_by_role("link", name="Upload", exact=True).click()
    page.get_by_label("Show me first").uncheck()
    send(page, csv_bytes(rows(30), HEADER), "tuesday.csv")
    expect(page.get_by_text("5 of 30 records were imported, 25 were there already.")).to_be_visible(timeout=60_000)


def test_an_ambiguous_date_is_decided(visit: Callable[..., Page], send: Callable[..., None]) -> None:
    """The question is put, and answered where it is asked."""
    [row] = rows(1)
    page = visit()
    page.get_by_label("Show me first").check()
    page.get_by_label("Time zone").select_option("Europe/Berlin")
    send(page, csv_bytes([["03/04/2026 06:00", *row[1:]]]), "dates.csv")
    page.get_by_role("link", name="dates.csv").click(timeout=60_000)
    expect(page.get_by_text("can be read in two ways")).to_be_visible(timeout=60_000)
    page.get_by_label("Order of dates").select_option("DMY")
    page.get_by_role("button", name="Import the one record").click()
    expect(page.get_by_text("One record of 1 was imported.")).to_be_visible(timeout=60_000)
