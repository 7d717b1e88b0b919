"""A workbook's sheet goes in like any table: typed cells as they are typed, texts by the style of their column."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import openpyxl
import pytest
import xlwt
from openpyxl.worksheet.worksheet import Worksheet

from shared.errors import UploadRejected
from tests.unit.test_plan import Reading, read_file

HEADER = ["timestamp", "machineName", "goodParts", "partNumber"]
GOOD = [datetime(2026, 3, 1, 6, 0, 30), "Press 1", 12.5, "00123"]  # noqa: DTZ001 (as Excel has it)


def workbook(*rows: Sequence[Any], fill: Callable[[Worksheet], None] = lambda _: None) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(list(row))
    fill(sheet)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def read(data: bytes, **options: Any) -> Reading:
    return read_file(data, import_type="excel", **{"time_zone": "Europe/Berlin"} | options)


def values(found: Reading, field: str) -> list[Any]:
    return [row[field] for row in found.rows.values()]


def test_typed_cells_are_stored_as_typed() -> None:
    """A date with its time in the zone, a number with its decimals, leading zeros of a text."""
    found = read(workbook(HEADER, GOOD))
    assert found.rows == {
        2: {
            "attributes": "{}",
            "timestamp": "2026-03-01 06:00:30+01:00",
            "machine_name": "Press 1",
            "good_parts": "12.5",
            "part_number": "00123",
        }
    }


def test_rows_have_the_sheets_numbers_below_titles_and_blank_rows() -> None:
    """The table may begin anywhere, and end before its totals."""
    rows: list[list[Any]] = [
        ["Shift report"],
        [],
        [None, *HEADER],
        [None, *GOOD],
        [],
        [None, *GOOD],
        [None, "Total", None, 25],
    ]
    found = read(workbook(*rows))
    assert list(found.rows) == [4, 6]
    decisions = {decision.subject: decision.choice for decision in found.draft.summary.decisions}
    assert (decisions["header"], decisions["totals and footers"]) == ("line 3", "left out: line 7")


def test_the_sheet_with_the_records_is_found_or_named() -> None:
    """By its header; a hidden one only by its name."""

    def fill(sheet: Worksheet) -> None:
        assert sheet.parent is not None
        for title, state in (("Data", "visible"), ("Old", "hidden")):
            other = sheet.parent.create_sheet(title)
            other.sheet_state = state
            other.append(HEADER)
            other.append([*GOOD[:1], title, *GOOD[2:]])

    data = workbook(["Notes"], fill=fill)
    assert values(read(data), "machine_name") == ["Data"]
    assert values(read(data, sheet="Old"), "machine_name") == ["Old"]
    with pytest.raises(UploadRejected) as rejection:
        read(data, sheet="New")
    assert rejection.value.code == "sheet_not_found"


def test_an_error_cell_is_never_a_blank_one() -> None:
    """Its row is refused, with the error as its value."""

    def fill(sheet: Worksheet) -> None:
        sheet["C2"] = "#DIV/0!"
        sheet["C2"].data_type = "e"

    found = read(workbook(HEADER, GOOD, GOOD, fill=fill))
    assert found.refused == [(2, "cell_is_error")]
    assert list(found.rows) == [3]


@pytest.mark.parametrize("cell", ["B2", "D2"])
def test_an_error_is_no_name(cell: str) -> None:
    """Where a text belongs, a failed formula's error is refused too; beside the fields it is kept as it stands."""

    def fill(sheet: Worksheet) -> None:
        for place in (cell, "E2", "E3"):
            sheet[place] = "#N/A"
            sheet[place].data_type = "e"

    found = read(workbook([*HEADER, "Mold"], [*GOOD, "x"], [*GOOD, "x"], fill=fill))
    assert found.refused == [(2, "cell_is_error")]
    assert json.loads(values(found, "attributes")[0]) == {"Mold": "#N/A"}


def test_a_formula_without_a_value_is_never_a_blank_cell() -> None:
    """What made the workbook did not calculate it: its row is refused, also where a text belongs."""
    found = read(workbook(HEADER, [*GOOD[:2], "=1+1", "x"], [*GOOD[:3], "=A1"], GOOD))
    assert found.refused == [(2, "cell_is_error"), (3, "cell_is_error")]


def test_texts_with_a_decimal_comma_stand_beside_numbers() -> None:
    """Each is what it is."""
    found = read(workbook(HEADER, GOOD, [*GOOD[:2], "1.234,5", "x"], [*GOOD[:2], 1.234, "x"]))
    assert values(found, "good_parts") == ["12.5", "1234.5", "1.234"]


def test_what_is_no_number_is_refused_where_one_belongs() -> None:
    """Durations, dates, times and truth values are not turned into numbers."""
    cells = [timedelta(hours=26, minutes=5), date(2026, 3, 1), time(5, 6), True]
    found = read(workbook(HEADER, *([*GOOD[:2], cell, "x"] for cell in cells)))
    assert [row for row, _ in found.refused] == [2, 3, 4, 5]


def test_what_excel_makes_of_a_time_or_a_year_is_no_timestamp() -> None:
    """A time past midnight and the number of a year, both shown as dates."""
    moments = [datetime(1900, 1, 1, 1, 49), date(1905, 7, 12), time(6, 30)]  # noqa: DTZ001
    found = read(workbook(HEADER, *([moment, *GOOD[1:]] for moment in moments)))
    assert found.refused == [(2, "timestamp_out_of_range"), (3, "timestamp_out_of_range"), (4, "timestamp_unreadable")]


def test_columns_of_no_field_are_kept() -> None:
    """Whole numbers without a decimal point."""
    found = read(workbook([*HEADER, "Mold", "OK"], [*GOOD, 4711, True]))
    assert json.loads(values(found, "attributes")[0]) == {"Mold": "4711", "OK": "true"}


def test_old_workbooks_go_in_too() -> None:
    """The format before 2007."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("Data")
    style = xlwt.easyxf(num_format_str="YYYY-MM-DD HH:MM:SS")
    table: list[list[Any]] = [HEADER, GOOD]
    for row, cells in enumerate(table):
        for column, cell in enumerate(cells):
            sheet.write(row, column, cell, style) if isinstance(cell, datetime) else sheet.write(row, column, cell)
    out = io.BytesIO()
    book.save(out)
    assert values(read(out.getvalue()), "good_parts") == ["12.5"]


@pytest.mark.parametrize("data", [b"PK\x03\x04 junk", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\xff" * 600, b""])
def test_what_is_no_workbook_is_rejected(data: bytes) -> None:
    """Whatever its first bytes say."""
    with pytest.raises(UploadRejected) as rejection:
        read(data)
    assert rejection.value.code.startswith("workbook_")


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
def test_a_truncated_workbook_is_rejected(share: float) -> None:
    """It is never read in part."""
    data = workbook(HEADER, *[GOOD] * 500)
    with pytest.raises(UploadRejected) as rejection:
        read(data[: int(share * len(data))])
    assert rejection.value.code.startswith("workbook_")
