"""What the caller chooses for an import is done, end to end."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import openpyxl
import pytest

from local.client import ApiError
from tests.driving import HEADER, Person, csv_bytes, outcome, rows

Query = Callable[..., list[list[Any]]]


def stored(query: Query, person: Person) -> int:
    [[count]] = query("SELECT count(*) FROM production_records WHERE work_unit_id = :unit", unit=person.work_unit)
    return int(count)


def with_flaws(count: int) -> list[list[str]]:
    """Rows with two refused ones and one that comes twice, far from each other."""
    table = rows(count)
    table[1][4] = "101"
    table[count // 2][3] = "many"
    table[-1] = table[0]
    return table


def test_a_dry_run_tells_what_the_run_then_does(person: Person, query: Query) -> None:
    """The same totals and the same refused rows, over several chunks, and no record before the real run."""
    data = csv_bytes(with_flaws(3000))
    person.import_file(csv_bytes(rows(10)))
    tried = person.import_file(data, dry_run=True)
    assert "dry run" in tried["message"]
    assert stored(query, person) == 10
    done = person.import_file(data)
    assert outcome(tried) == outcome(done) == (3000, 2988, 10, 2)
    assert [error["row"] for error in done["errors"]] == [3, 1502]
    refused = [person.client.refused_rows(one["uploadId"])["refusedRows"] for one in (tried, done)]
    assert refused[0] == refused[1] != []


def test_abort_leaves_nothing_of_a_file_with_a_refused_row(person: Person, query: Query) -> None:
    """All refused rows are told, so that they can be fixed at once; the fixed file goes in whole."""
    upload = person.import_file(csv_bytes(with_flaws(3000)), on_error="abort")
    assert (upload["status"], upload["failure"]["code"]) == ("failed", "file_has_refused_rows")
    assert upload["totals"] | {"warnings": 0} == {
        "records": 3000, "imported": 0, "duplicates": 0, "refused": 2, "unprocessed": 2998, "warnings": 0,
    }  # fmt: skip
    assert len(person.client.refused_rows(upload["uploadId"])["refusedRows"]) == 2
    assert stored(query, person) == 0
    limited = person.import_file(csv_bytes(with_flaws(3000)), on_error="abort", max_errors=0)
    assert (limited["failure"]["code"], outcome(limited)) == ("file_has_refused_rows", (3000, 0, 0, 2))
    assert outcome(person.import_file(csv_bytes(rows(3000)), on_error="abort")) == (3000, 3000, 0, 0)


def test_too_many_errors_stop_an_import(person: Person, query: Query) -> None:
    """Each record is imported, a duplicate, refused or unprocessed; what is in is counted."""
    table = rows(6000)
    for row in table[2000:]:
        row[4] = "101"
    upload_id = person.send(csv_bytes(table), max_errors=50)
    answer = person.client.wait(upload_id, timeout=90)
    upload, progress = answer["upload"], answer["progress"]
    assert (upload["status"], upload["failure"]["code"]) == ("failed", "file_too_many_errors")
    records, imported, duplicates, refused = outcome(upload)
    assert (records, stored(query, person)) == (6000, imported)
    assert refused > 50
    assert progress["unprocessedRecords"] == records - imported - duplicates - refused > 0
    [listed] = person.client.history(limit=1)["uploads"]
    assert listed["totals"]["unprocessed"] == progress["unprocessedRecords"]


def test_an_import_that_stops_does_so_where_its_dry_run_did(person: Person, query: Query) -> None:
    """Also where no chunk has too many refused rows by itself, and chunks are loaded at the same time."""
    table = rows(6000)
    for row in table[::200]:
        row[4] = "101"
    data = csv_bytes(table)
    tried, done = (person.import_file(data, max_errors=12, dry_run=dry) for dry in (True, False))
    assert (done["status"], done["failure"]["code"]) == ("failed", "file_too_many_errors")
    assert tried["totals"] == done["totals"]
    records, imported, duplicates, refused = outcome(done)
    assert (records, duplicates, stored(query, person)) == (6000, 0, imported)
    assert imported > 0
    assert refused > 12
    assert "no record was written" in tried["message"]
    reports = [person.client.report(one["uploadId"]) for one in (tried, done)]
    same = [{**one, "failure": 0, "uploadId": 0, "createdAt": 0, "dryRun": 0} for one in reports]
    assert same[0] == same[1]


def test_by_occurrence_tomorrows_export_adds_what_is_new(person: Person, query: Query) -> None:
    """Real events that look alike stay; the rows of the day before are found again."""
    today = rows(1500) + rows(200)
    assert outcome(person.import_file(csv_bytes(today), identity="occurrence")) == (1700, 1700, 0, 0)
    tomorrow = today + rows(51, start=1600)
    assert outcome(person.import_file(csv_bytes(tomorrow), identity="occurrence")) == (1751, 51, 1700, 0)
    assert stored(query, person) == 1751


@pytest.mark.parametrize(
    ("name", "encode"),
    [
        ("unicode.txt", lambda text: text.replace(",", "\t").encode("utf-16")),
        ("packed.csv.gz", lambda text: gzip.compress(text.encode())),
        ("old-mac.csv", lambda text: text.replace("\r\n", "\r").encode()),
    ],
)
def test_files_that_cannot_be_cut_are_staged(
    person: Person, query: Query, name: str, encode: Callable[[str], bytes]
) -> None:
    """They go in like any other, with the rows' own numbers."""
    table = rows(2000, machine="Süd 1")
    table[1234][4] = "101"
    upload = person.import_file(encode(csv_bytes(table).decode()), name)
    assert outcome(upload) == (2000, 1999, 0, 1)
    [refused] = person.client.refused_rows(upload["uploadId"])["refusedRows"]
    assert (refused["row"], refused["record"]["machineName"]) == (1236, "Süd 1")
    assert query(
        "SELECT min(source_row), max(source_row) FROM production_records WHERE work_unit_id = :unit",
        unit=person.work_unit,
    ) == [[2, 2001]]


def test_json_goes_in(person: Person) -> None:
    """An array of records, and records on lines of their own with a broken one among them."""
    records = [dict(zip(HEADER, row, strict=True)) for row in rows(1500)]
    assert outcome(person.import_file(json.dumps(records).encode(), "shift.json")) == (1500, 1500, 0, 0)
    lines = [json.dumps(record) for record in records]
    lines[700] = lines[700][:-1]
    upload = person.import_file("\n".join(lines).encode(), "shift.ndjson")
    assert outcome(upload) == (1500, 0, 1499, 1)
    [refused] = person.client.refused_rows(upload["uploadId"])["refusedRows"]
    assert (refused["row"], refused["errors"][0]["code"]) == (701, "row_malformed")


def test_a_workbook_goes_in(person: Person, query: Query) -> None:
    """Its rows have the sheet's numbers, its dates the zone that the caller gives."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["Shift report"])
    sheet.append(HEADER)
    for minute in range(1500):
        start = datetime(2026, 3, 1, 6) + timedelta(minutes=minute)  # noqa: DTZ001 (as Excel has it)
        sheet.append([start, "Press 1", "stamping", 100, 97.5, 3 if minute else 101])
    data = io.BytesIO()
    book.save(data)
    upload = person.import_file(data.getvalue(), "shift.xlsx", time_zone="Europe/Berlin")
    assert outcome(upload) == (1500, 1499, 0, 1)
    [refused] = person.client.refused_rows(upload["uploadId"])["refusedRows"]
    assert (refused["row"], refused["errors"][0]["code"]) == (3, "reject_above_total")
    assert query(
        "SELECT min(source_row), max(source_row), min(\"timestamp\" AT TIME ZONE 'UTC'), sum(good_parts)"
        " FROM production_records WHERE work_unit_id = :unit",
        unit=person.work_unit,
    ) == [[4, 1502, datetime(2026, 3, 1, 5, 1), Decimal("146152.500000")]]  # noqa: DTZ001 (told in UTC)


def test_a_truncated_json_file_is_never_completed(person: Person, query: Query) -> None:
    """Nothing of it goes in, because it is read through before the first record is loaded."""
    records = [dict(zip(HEADER, row, strict=True)) for row in rows(500)]
    upload = person.import_file(json.dumps(records).encode()[:-200], "shift.json")
    assert (upload["status"], upload["failure"]["code"]) == ("failed", "json_truncated")
    assert stored(query, person) == 0


def test_what_cannot_be_decided_is_asked_and_the_answer_is_taken(person: Person) -> None:
    """An ambiguous column names the option; with it the file goes in."""
    table = [["03/04/2026 10:00", "Press 1", "stamping", "10", "9", "1"]]
    asked = person.import_file(csv_bytes(table), time_zone="Europe/Berlin")
    assert (asked["status"], asked["failure"]["code"]) == ("failed", "column_date_ambiguous")
    assert "dateOrder" in asked["message"]
    answered = person.import_file(csv_bytes(table), time_zone="Europe/Berlin", date_order="DMY")
    assert outcome(answered) == (1, 1, 0, 0)
    assert {"subject": "dates in timestamp", "choice": "DMY"}.items() <= answered["decisions"][-1].items()


def test_columns_are_what_the_caller_says(person: Person, query: Query) -> None:
    """A header that nobody knows, mapped to a field; one that is known, kept as an attribute."""
    data = csv_bytes([["2026-03-01T00:00:00Z", "Press 1", "5"]], ["When was it?", "Press", "goodParts"])
    mapping = {"When was it?": "timestamp", "Press": "machineName", "goodParts": None}
    assert outcome(person.import_file(data, mapping=mapping)) == (1, 1, 0, 0)
    assert query(
        "SELECT good_parts, attributes FROM production_records WHERE work_unit_id = :unit", unit=person.work_unit
    ) == [[None, {"goodParts": "5"}]]


def test_a_mapping_to_no_field_is_refused_at_the_door(person: Person) -> None:
    """With the fields that there are."""
    with pytest.raises(ApiError) as refusal:
        person.import_file(csv_bytes(rows(1)), mapping={"a": "colour"})
    assert refusal.value.status == 422
