"""The golden files go in whole: planned, cut or staged, and read, with every decision as their writers meant it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.errors import UploadRejected
from tests.unit.test_plan import Reading, read_file

GOLDEN = Path(__file__).parents[1] / "golden" / "csv"
FILES = sorted(path.name for path in GOLDEN.iterdir() if path.suffix != ".md")
RECORDS = 12
REFUSED = {
    "ragged.csv": [(5, "row_too_few_cells"), (8, "row_too_many_cells"), (10, "row_too_many_cells")],
}
OPTIONS: dict[str, dict[str, Any]] = {"tab.tsv": {"date_order": "MDY"}}


def read(name: str, **options: Any) -> Reading:
    return read_file((GOLDEN / name).read_bytes(), **{"time_zone": "Europe/Berlin"} | OPTIONS.get(name, {}) | options)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("chunk_bytes", [200, 1 << 20])
def test_every_record_of_a_golden_file_has_its_fate(name: str, chunk_bytes: int) -> None:
    """Wherever it is cut, and whether it is cut or staged; all of them of one day and night in Berlin."""
    found = read(name, chunk_bytes=chunk_bytes)
    assert found.refused == REFUSED.get(name, [])
    assert len(found.rows) == RECORDS - len(found.refused) == found.draft.plan.records - len(found.refused)
    assert {row["timestamp"][:10] for row in found.rows.values()} == {"2026-03-01", "2026-03-02"}


def test_a_compressed_file_is_what_it_holds() -> None:
    """Row for row."""
    assert read("semicolon_decimal_comma.csv.gz").rows == read("semicolon_decimal_comma.csv").rows


def test_the_byte_order_of_a_file_makes_no_difference() -> None:
    """Row for row, marked or not."""
    rows = read("excel_unicode_text_utf16_le.csv").rows
    assert read("excel_unicode_text_utf16_be.csv").rows == read("unmarked_utf16_le.csv").rows == rows


def test_what_can_be_read_in_two_ways_is_asked_for() -> None:
    """With the option to give."""
    with pytest.raises(UploadRejected, match="dateOrder") as rejection:
        read("tab.tsv", date_order=None)
    assert rejection.value.code == "column_date_ambiguous"


def test_totals_are_left_out_and_told() -> None:
    """With their lines."""
    decisions = {decision.subject: decision for decision in read("titles_and_totals.csv").draft.summary.decisions}
    assert decisions["totals and footers"].choice == "left out: line 17, 18, 20, 21"
    assert decisions["header"].choice == "line 4"
