"""What a plant engineer does: send a file, see what became of it, put right what was refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.driving import csv_bytes, rows

Visit = Callable[..., Page]
Send = Callable[..., None]


def test_a_good_file_goes_in(visit: Visit, send: Send, query: Callable[..., list[list[Any]]]) -> None:
    """It is sent, its end is said in a sentence, and its rows are in the table; the history has it."""
    page = visit()
    send(page, csv_bytes(rows(700)), "good.csv")
    expect(page.get_by_text("700 of 700 records were imported.")).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="good.csv").click()
    upload_id = page.url.rsplit("/", 1)[-1]
    [[count]] = query("SELECT count(*) FROM production_records WHERE upload_id = :id", id=upload_id)
    assert count == 700
    page.get_by_role("tab", name="Audit trail").click()
    expect(page.get_by_role("cell", name="Import completed")).to_be_visible()
    page.get_by_role("tab", name="Quality").click()
    expect(page.get_by_text("Press 1")).to_be_visible()
    page.get_by_role("link", name="History").click()
    expect(page.get_by_role("row", name=re.compile("good.csv.*Imported.*700 of 700"))).to_be_visible()


def test_what_was_refused_is_put_right_in_the_page(
    visit: Visit, send: Send, query: Callable[..., list[list[Any]]]
) -> None:
    """It is shown with its reason, and just this row is sent again; still wrong, it is shown and sent once more."""
    table = rows(40)
    table[11][3] = "many"
    table[12][4] = "1000"
    page = visit()
    send(page, csv_bytes(table), "bad.csv")
    expect(page.get_by_text("38 of 40 records were imported, 2 were refused.")).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="bad.csv").click()
    expect(page.get_by_text("2 of 2 rows shown")).to_be_visible()

    page.get_by_label("Reasons").select_option(label="This is no number (one row)")
    expect(page.get_by_text("1 of 2 rows shown")).to_be_visible()
    cell = page.get_by_label("Row 13, totalPartsProduced")
    expect(cell).to_have_value("many")
    cell.fill("lots")
    page.get_by_role("button", name="Send this row again").click()
    expect(page.get_by_text("No record was imported, one was refused.")).to_be_visible(timeout=60_000)
    cell.fill("100")
    page.get_by_role("button", name="Send this row again").click()

    expect(page.get_by_text("One record of 1 was imported.")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("This is a correction of")).to_be_visible()
    page.get_by_role("link", name="an earlier upload").click()
    expect(page.get_by_text("One refused row has been put right since.")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("13.*put right since"))).to_be_visible()
    upload_id = page.url.rsplit("/", 1)[-1]
    [[count]] = query(
        "SELECT count(*) FROM production_records WHERE work_unit_id = 'press-shop' AND upload_id = :id", id=upload_id
    )
    assert count == 38


@pytest.mark.parametrize("cut", ["**/api/import/manufacturing-data?uploadId=*", "**/api/import/live"])
def test_progress_comes_one_way_or_the_other(visit: Visit, send: Send, cut: str) -> None:
    """By messages where the page cannot ask, by asking where it cannot connect."""
    page = visit()
    page.route(cut, lambda route: route.abort())
    send(page, csv_bytes(rows(50)), "live.csv")
    expect(page.get_by_text("50 of 50 records were imported.")).to_be_visible(timeout=60_000)


def test_refused_rows_are_downloaded(visit: Visit, send: Send, tmp_path: Path) -> None:
    """As the service hands them out, with the original columns and the reasons."""
    table = rows(5)
    table[2][3] = "many"
    page = visit()
    send(page, csv_bytes(table), "bad.csv")
    page.get_by_role("link", name="bad.csv").click(timeout=60_000)
    with page.expect_download(timeout=60_000) as download:
        page.get_by_role("button", name="Download as CSV").click(timeout=60_000)
    download.value.save_as(tmp_path / "refused.csv")
    assert "many" in (tmp_path / "refused.csv").read_text()


def test_what_cannot_be_taken_is_said_before_it_is_sent(visit: Visit, tmp_path: Path) -> None:
    """Wrong types, macros, empty files: named each with what to do, and no request is made."""
    page = visit()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(f"{request.method} {request.url}"))
    for name, data in (("notes.pdf", b"%PDF"), ("plan.xlsm", b"PK"), ("empty.csv", b"")):
        (tmp_path / name).write_bytes(data)
    page.set_input_files("input[type=file]", [tmp_path / name for name in ("notes.pdf", "plan.xlsm", "empty.csv")])
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("“notes.pdf” is none of the kinds")
    expect(alert).to_contain_text("Save it as .xlsx")
    expect(alert).to_contain_text("“empty.csv” is empty.")
    assert [request for request in requests if not request.startswith("GET")] == []
    expect(page.get_by_role("button", name="Send the file")).to_have_count(0)


def test_a_file_is_not_sent_without_its_work_unit(visit: Visit, tmp_path: Path) -> None:
    """The form says what is missing and puts the cursor there."""
    (tmp_path / "a.csv").write_bytes(csv_bytes(rows(2)))
    page = visit()
    page.set_input_files("input[type=file]", tmp_path / "a.csv")
    page.get_by_role("button", name="Send the file").click()
    expect(page.get_by_text("Name the work unit that the data is of.")).to_be_visible()
    expect(page.get_by_label("Work unit")).to_be_focused()


def test_several_files_go_in_at_once(visit: Visit, tmp_path: Path) -> None:
    """Each has a card of its own."""
    page = visit()
    paths = [tmp_path / f"file-{number}.csv" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_bytes(csv_bytes(rows(20, machine=f"Mill {number}")))
    page.set_input_files("input[type=file]", paths)
    page.fill("[name=workUnitId]", "mills")
    page.get_by_role("button", name="Send 3 files").click()
    expect(page.get_by_text("20 of 20 records were imported.")).to_have_count(3, timeout=60_000)


def test_a_dry_run_writes_nothing(visit: Visit, send: Send) -> None:
    """And says so."""
    page = visit()
    page.get_by_label("Dry run").check()
    send(page, csv_bytes(rows(9)), "dry.csv")
    expect(page.get_by_text("9 of 9 records would be imported; this was a dry run.")).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="dry.csv").click()
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)


def test_nobody_sees_another_tenants_uploads(visit: Visit, send: Send, new_visitor: Callable[..., Visitor]) -> None:
    """Neither in the history nor by the address of one."""
    page = visit()
    send(page, csv_bytes(rows(3)), "ours.csv")
    page.get_by_role("link", name="ours.csv").click(timeout=60_000)
    address = page.url[page.url.index("#") :]
    stranger = visit(new_visitor(), address)
    expect(stranger.get_by_role("alert")).to_contain_text("There is no upload of this id.")
    stranger.get_by_role("link", name="History").click()
    expect(stranger.get_by_text("There is no upload yet.")).to_be_visible()


def test_a_viewer_looks_and_sends_nothing(visit: Visit, send: Send, new_visitor: Callable[..., Visitor]) -> None:
    """The page offers what the role may do."""
    engineer = new_visitor()
    page = visit(engineer)
    send(page, csv_bytes(rows(3)), "ours.csv")
    expect(page.get_by_text("3 of 3 records were imported.")).to_be_visible(timeout=60_000)
    viewer = visit(new_visitor(tenant=engineer.tenant, role="viewer", name="Vera Sicht"))
    expect(viewer.get_by_text("may look at imports and may not start any")).to_be_visible()
    expect(viewer.locator("input[type=file]")).to_have_count(0)
    viewer.get_by_role("link", name="History").click()
    viewer.get_by_role("link", name="ours.csv").click()
    expect(viewer.get_by_role("button", name="Undo")).to_have_count(0)


def test_the_history_is_searched(visit: Visit, send: Send) -> None:
    """By name and by status; what is not found is said, with the way back."""
    page = visit()
    send(page, csv_bytes(rows(2)), "morning.csv")
    expect(page.get_by_text("2 of 2 records were imported.")).to_be_visible(timeout=60_000)
    send(page, b"nothing\nof,use\n", "evening.csv")
    expect(page.locator(".badge.bad")).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="History").click()
    page.get_by_label("Search by file name").fill("MORN")
    expect(page.get_by_role("link", name="evening.csv")).to_have_count(0)
    expect(page.get_by_role("link", name="morning.csv")).to_be_visible()
    page.get_by_label("Status").select_option("failed")
    expect(page.get_by_text("No upload matches these filters.")).to_be_visible()
    page.get_by_role("button", name="Clear the filters").click()
    expect(page.get_by_role("link", name="evening.csv")).to_be_visible()
