"""The golden JSON files go in, staged and read like any other table; the bad ones are told why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.errors import UploadRejected
from tests.unit.test_plan import Reading, read_file

GOLDEN = Path(__file__).parents[1] / "golden" / "json"


def read(name: str, chunk_bytes: int = 1 << 20) -> Reading:
    return read_file((GOLDEN / name).read_bytes(), chunk_bytes=chunk_bytes, import_type="json")


@pytest.mark.parametrize("chunk_bytes", [1, 1 << 20])
def test_records_are_found_however_they_are_written(chunk_bytes: int) -> None:
    """In UTF-8, with a mark, in UTF-16, on one line, indented: the same rows, but for their numbers."""
    names = ("array_one_line.json", "array_bom.json", "array_utf16.json", "array_indented_crlf.json")
    rows = [[*read(name, chunk_bytes).rows.values()] for name in names]
    first = rows[0][0]
    assert (first["part_number"], first["good_parts"], first["availability"]) == ("000123", "480", "0.9120")
    assert rows[1] == rows[2] == rows[0]
    assert [row["machine_name"] for row in rows[3]] == [row["machine_name"] for row in rows[0]]


def test_what_maps_to_no_field_is_kept_and_what_is_broken_is_refused() -> None:
    """Nested values the model does not know stay whole, under their own names."""
    found = read("lines.ndjson")
    assert found.refused == [(3, "row_malformed"), (5, "row_malformed")]
    assert json.loads(found.rows[1]["attributes"]) == {"machine.id": "7", "alarms": '["E1","E2"]'}
    assert found.rows[1]["total_parts_produced"] == "492"


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("bad_*")), ids=lambda path: path.stem)
def test_a_file_that_is_no_table_of_records_is_rejected(path: Path) -> None:
    """With a code of its own, and never in part."""
    with pytest.raises(UploadRejected) as rejection:
        read(path.name)
    assert rejection.value.code.startswith("json_")


def one(**members: object) -> dict[str, object]:
    return {"timestamp": "2026-03-01T06:00:00Z", "machineName": "m"} | members


def test_numbers_beside_texts_with_a_decimal_comma_stay_what_they_are() -> None:
    """A JSON number is never read by the style of the texts in its column."""
    records = [one(goodParts="1.234,5"), one(goodParts=1.234), one(goodParts=7)]
    found = read_file(json.dumps(records).encode(), import_type="json")
    assert [row["good_parts"] for row in found.rows.values()] == ["1234.5", "1.234", "7"]


def test_texts_that_may_be_two_numbers_are_asked_about_though_numbers_stand_beside_them() -> None:
    """JSON's own decimal point proves nothing of what people typed."""
    records = [one(goodParts="1.234"), one(goodParts=1.5)]
    with pytest.raises(UploadRejected, match="decimalMark") as rejection:
        read_file(json.dumps(records).encode(), import_type="json")
    assert rejection.value.code == "column_number_ambiguous"


def test_columns_that_come_late_are_columns_of_the_file() -> None:
    """Also where the parts that were staged before do not have them."""
    records = [one()] * 50 + [one(shift="B", colour="red")]
    found = read_file(json.dumps(records).encode(), chunk_bytes=100, import_type="json")
    assert [row["shift"] for row in found.rows.values()] == [None] * 50 + ["B"]
    assert json.loads(found.rows[51]["attributes"]) == {"colour": "red"}
