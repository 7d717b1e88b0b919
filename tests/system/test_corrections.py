"""Refused rows come back fixed, as a correction: read as their file was, and known to it."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from local.client import ApiError
from tests.driving import HEADER, Person, csv_bytes, outcome, rows
from tests.faults.watching import wait_for

New = Callable[..., Person]
Query = Callable[..., list[list[Any]]]

GERMAN = ["Buchungsdatum", "Maschine", "Gutmenge", "Gesamtmenge", "Qualität", "Notiz"]
MAPPING = {"Buchungsdatum": "timestamp", "Maschine": "machineName", "Gutmenge": "goodParts",
           "Gesamtmenge": "totalPartsProduced", "Qualität": "quality"}  # fmt: skip


def german(days: int = 28) -> list[list[str]]:
    """Rows whose dates and numbers are decided by the whole of them: alone, the first ones can be read in two ways."""
    return [
        [f"{day:02}.03.2026 06:00", f"Presse {day}", "1.234", f"1.{300 + day},5", "95,5", "=x"]
        for day in range(1, days + 1)
    ]


def semicolons(table: list[list[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=";").writerows([GERMAN, *table])
    return out.getvalue().encode("cp1252")


def workbook(table: list[list[str]]) -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in [GERMAN, *table]:
        book.active.append(row)
        book.active.cell(book.active.max_row, len(row)).data_type = "s"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def fixed(
    person: Person, upload_id: str, folder: Path, cells: Mapping[int, Mapping[str, str]], delimiter: str = ","
) -> bytes:
    """The rows that are named, out of the refused ones, with other cells."""
    path = folder / f"{upload_id}.csv"
    person.client.download_refused_csv(upload_id, path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *table = csv.reader(file)
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(header)
    for row in table:
        if int(row[0]) in cells:
            record = dict(zip(header, row, strict=True)) | {**cells[int(row[0])]}
            writer.writerow(record.values())
    return out.getvalue().encode("utf-8-sig")


def correct(person: Person, upload_id: str, data: bytes, **options: Any) -> dict[str, Any]:
    """Send a correction, saying no more than it must."""
    return person.import_file(data, "fix.csv", corrects=upload_id, **{"work_unit_id": None, **options})


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(ApiError) as refused:
        call()
    return refused.value.status, refused.value.error


def with_refused(person: Person, count: int = 4, **options: Any) -> dict[str, Any]:
    """An upload of which the second row (line 3) is refused."""
    table = rows(count)
    table[1][3] = "many"
    return person.import_file(csv_bytes(table), **options)


@pytest.mark.parametrize(("form", "name"), [(semicolons, "schicht.csv"), (workbook, "schicht.xlsx")])
def test_a_row_of_a_german_file_is_fixed_and_goes_in_once(
    person: Person, query: Query, tmp_path: Path, form: Callable[[list[list[str]]], bytes], name: str
) -> None:
    """Dates, thousands and percents as the whole file had decided them, though the row alone would be asked for."""
    table = german()
    table[1][2] = "viele"
    table[2][1] = ""
    upload = person.import_file(
        form(table), name, mapping=MAPPING, time_zone="Europe/Berlin", defaults={"siteName": "Werk 3"}
    )
    assert outcome(upload) == (28, 26, 0, 2)
    data = fixed(person, upload["uploadId"], tmp_path, {3: {"Gutmenge": "1.234"}}, delimiter=";")
    correction = correct(person, upload["uploadId"], data)
    assert (correction["status"], outcome(correction)) == ("completed", (1, 1, 0, 0))
    assert correction["workUnitId"] == person.work_unit
    assert query(
        "SELECT \"timestamp\" AT TIME ZONE 'UTC', good_parts::float, total_parts_produced::float, quality::float,"
        " site_name, attributes->>'Notiz', source_row FROM production_records"
        " WHERE work_unit_id = :unit AND machine_name = 'Presse 2'",
        unit=person.work_unit,
    ) == [[datetime(2026, 3, 2, 5), 1234.0, 1302.5, 0.955, "Werk 3", "=x", 3]]  # noqa: DTZ001 (told in UTC)

    original = person.client.status(upload["uploadId"])["upload"]
    assert outcome(original) == (28, 26, 0, 2)
    assert original["correctedRecords"] == 1
    [listed] = original["corrections"]
    assert listed == {
        "uploadId": correction["uploadId"],
        "createdAt": correction["createdAt"],
        "createdBy": correction["createdBy"],
        "status": "completed",
    }
    assert correction["corrects"] == upload["uploadId"]
    refused = person.client.refused_rows(upload["uploadId"])["refusedRows"]
    assert [(row["row"], row["correctedBy"]) for row in refused] == [(3, correction["uploadId"]), (4, None)]
    assert correction["decisions"][0]["choice"] == upload["uploadId"]


def test_what_is_still_wrong_is_refused_again_under_its_number(person: Person, tmp_path: Path) -> None:
    """In the page, in the download and in the status; the fixed one beside it is in."""
    table = german()
    table[4][2], table[9][1], table[19][3] = "viele", "", "1.2.3"
    upload = person.import_file(semicolons(table), mapping=MAPPING, time_zone="Europe/Berlin")
    assert outcome(upload) == (28, 25, 0, 3)
    half = {21: {"Gesamtmenge": "noch falsch"}, 6: {"Gutmenge": "12,5"}}
    correction = correct(person, upload["uploadId"], fixed(person, upload["uploadId"], tmp_path, half))
    assert (correction["status"], outcome(correction)) == ("completed_with_errors", (2, 1, 0, 1))
    assert [(error["row"], error["field"]) for error in correction["errors"]] == [(21, "totalPartsProduced")]
    shown = person.client.refused_rows(upload["uploadId"])["refusedRows"]
    assert [(row["row"], row["correctedBy"]) for row in shown] == [
        (6, correction["uploadId"]), (11, None), (21, None),
    ]  # fmt: skip
    again = fixed(person, correction["uploadId"], tmp_path, {21: {"Gesamtmenge": "1.300"}})
    assert outcome(correct(person, upload["uploadId"], again)) == (1, 1, 0, 0)
    assert person.client.status(upload["uploadId"])["upload"]["correctedRecords"] == 2


def test_a_row_that_is_in_by_a_correction_is_in_no_other(person: Person, tmp_path: Path) -> None:
    """Until that one is undone; then it may come again, and counts for the one that brought it last."""
    upload = with_refused(person, deduplicate=False)
    data = fixed(person, upload["uploadId"], tmp_path, {3: {"totalPartsProduced": "100"}})
    first = correct(person, upload["uploadId"], data)
    assert (outcome(first), first["deduplicate"]) == ((1, 1, 0, 0), False)
    second = correct(person, upload["uploadId"], data)
    assert (second["status"], second["failure"]["code"]) == ("failed", "correction_row_corrected")
    assert first["uploadId"] in second["message"]
    person.client.undo(first["uploadId"])
    person.client.wait(first["uploadId"], timeout=90)
    third = correct(person, upload["uploadId"], data)
    assert outcome(third) == (1, 1, 0, 0)
    original = person.client.status(upload["uploadId"])["upload"]
    assert [one["status"] for one in original["corrections"]] == ["undone", "failed", "completed"]
    assert original["correctedRecords"] == 1
    [row] = person.client.refused_rows(upload["uploadId"])["refusedRows"]
    assert row["correctedBy"] == third["uploadId"]


def test_a_dry_run_of_a_correction_corrects_nothing(person: Person, tmp_path: Path) -> None:
    """And stands in nobody's way."""
    upload = with_refused(person)
    data = fixed(person, upload["uploadId"], tmp_path, {3: {"totalPartsProduced": "100"}})
    assert outcome(correct(person, upload["uploadId"], data, dry_run=True)) == (1, 1, 0, 0)
    original = person.client.status(upload["uploadId"])["upload"]
    assert original["correctedRecords"] == 0
    assert person.client.refused_rows(upload["uploadId"])["refusedRows"][0]["correctedBy"] is None
    assert outcome(correct(person, upload["uploadId"], data, on_error="abort")) == (1, 1, 0, 0)


def test_a_correction_is_read_as_a_profile_said_that_is_gone(person: Person, tmp_path: Path, query: Query) -> None:
    """What it had decided holds for the rows that come back."""
    name = f"gone-{uuid.uuid4().hex[:8]}"
    columns = ["Wann?", "Press", f"Notiz {name}"]
    person.client.put_profile(
        name,
        {"header": columns, "mapping": {"Wann?": "timestamp", "Press": "machineName"}, "dateOrder": "MDY",
         "timeZone": "America/New_York"},
    )  # fmt: skip
    upload = person.import_file(csv_bytes([["03/04/2026 10:00", "", "x"], ["03/05/2026 10:00", "P", "x"]], columns))
    assert outcome(upload) == (2, 1, 0, 1)
    person.client.delete_profile(name)
    data = fixed(person, upload["uploadId"], tmp_path, {2: {"Press": "Press 7"}})
    assert outcome(correct(person, upload["uploadId"], data)) == (1, 1, 0, 0)
    assert query(
        "SELECT \"timestamp\" AT TIME ZONE 'UTC' FROM production_records"
        " WHERE work_unit_id = :unit AND machine_name = 'Press 7'",
        unit=person.work_unit,
    ) == [[datetime(2026, 3, 4, 15)]]  # noqa: DTZ001 (told in UTC)


def test_only_refused_rows_are_corrected(person: Person, tmp_path: Path) -> None:
    """In the columns of their download, each once, and under its number."""
    upload = with_refused(person)
    good = fixed(person, upload["uploadId"], tmp_path, {3: {"totalPartsProduced": "100"}})
    last = good.splitlines()[-1]
    for data, code in (
        (good.replace(b"\n3,", b"\n4,"), "correction_row_unknown"),
        (good.replace(b"\n3,", b"\nx,"), "correction_row_unreadable"),
        (good + last + b"\r\n", "correction_row_twice"),
        (good.replace(b"goodParts", b"badParts"), "correction_columns_differ"),
        (csv_bytes(rows(1)), "correction_columns_differ"),
        (good.splitlines()[0], "file_no_records"),
        (good.splitlines()[0] + b"\r\n3,,,,,,,,\r\n", "file_no_records"),
    ):
        failed = correct(person, upload["uploadId"], data)
        assert (failed["status"], failed["failure"]["code"]) == ("failed", code)
    assert person.client.status(upload["uploadId"])["upload"]["correctedRecords"] == 0


def test_there_is_nothing_to_correct_but_where_rows_were_refused(
    person: Person, new_person: New, tmp_path: Path
) -> None:
    """By the tenant alone, once the upload has ended, and while its other rows are in."""
    upload = with_refused(person)
    data = fixed(person, upload["uploadId"], tmp_path, {3: {"totalPartsProduced": "100"}})

    def ask(corrected: str, who: Person = person, **options: Any) -> tuple[int, str]:
        return refusal(lambda: who.send(data, corrects=corrected, **{"work_unit_id": None, **options}))

    assert ask(upload["uploadId"], new_person("tenant-b")) == (404, "upload_not_found")
    assert ask(str(uuid.uuid4())) == (404, "upload_not_found")
    assert ask("no id") == (404, "upload_not_found")
    assert ask(upload["uploadId"], new_person(role="viewer")) == (403, "forbidden")
    waiting = person.client.start_upload(person.file(csv_bytes(rows(1))), work_unit_id=person.work_unit)
    assert ask(waiting["uploadId"]) == (409, "import_running")
    other = new_person()
    assert ask(other.import_file(csv_bytes(rows(1)))["uploadId"], other) == (409, "no_refused_rows")
    assert ask(with_refused(other, dry_run=True)["uploadId"], other) == (409, "was_dry_run")
    assert ask(with_refused(other, on_error="abort")["uploadId"], other) == (409, "nothing_went_in")
    correction = correct(person, upload["uploadId"], data)
    assert ask(correction["uploadId"]) == (409, "correction_of_correction")
    person.client.undo(upload["uploadId"])
    person.client.wait(upload["uploadId"], timeout=90)
    assert ask(upload["uploadId"]) == (409, "upload_undone")
    assert person.client.status(correction["uploadId"])["upload"]["status"] == "completed"


def test_a_correction_contradicts_nothing(person: Person, tmp_path: Path) -> None:
    """What it says of how its rows are read is what the upload said; the refusal names what is not."""
    upload = with_refused(person, time_zone="Europe/Berlin", defaults={"siteName": "Werk 3"})
    data = fixed(person, upload["uploadId"], tmp_path, {3: {"totalPartsProduced": "100"}})
    for option, name in (
        ({"work_unit_id": "another"}, "workUnitId"),
        ({"time_zone": "UTC"}, "timeZone"),
        ({"deduplicate": False}, "deduplicate"),
        ({"defaults": {"siteName": "Werk 4"}}, "defaults"),
        ({"date_order": "DMY"}, "dateOrder"),
        ({"sheet": "Daten"}, "sheet"),
        ({"save_profile": "kept"}, "saveProfile"),
    ):
        with pytest.raises(ApiError) as refused:
            correct(person, upload["uploadId"], data, **option)
        assert (refused.value.status, refused.value.error) == (422, "correction_option_fixed")
        assert [detail["field"] for detail in refused.value.details] == [name]
    same = {"work_unit_id": person.work_unit, "time_zone": "Europe/Berlin", "deduplicate": True}
    assert outcome(correct(person, upload["uploadId"], data, **same)) == (1, 1, 0, 0)


def test_a_repeated_request_is_one_correction_with_one_event(person: Person, tmp_path: Path) -> None:
    """It counts once against the limit, and is answered as before also after the upload was undone."""
    upload = with_refused(person)
    path = person.file(fixed(person, upload["uploadId"], tmp_path, {3: {"totalPartsProduced": "100"}}), "fix.csv")

    def start() -> str:
        key = f"fix-{upload['uploadId']}"
        return str(
            person.client.start_upload(
                path, work_unit_id=None, corrects=upload["uploadId"], idempotency_key=key
            )["uploadId"]
        )  # fmt: skip

    ids = {start() for _ in range(3)}
    assert len(ids) == 1
    original = person.client.status(upload["uploadId"])["upload"]
    assert [one["uploadId"] for one in original["corrections"]] == [*ids]
    assert original["corrections"][0]["status"] == "pending"
    events = person.client.audit(upload["uploadId"], limit=100)["events"]
    started = [event for event in events if event["event"] == "correction_started"]
    assert [(event["actor"], event["details"]["correction"]) for event in started] == [(original["createdBy"], *ids)]
    person.client.undo(upload["uploadId"])
    person.client.wait(upload["uploadId"], timeout=90)
    assert {start()} == ids


def test_a_correction_may_be_looked_at_before_and_is_read_no_other_way(person: Person, tmp_path: Path) -> None:
    """Its preview asks nothing; confirming it with its own choices imports it, with others is refused."""
    table = german()
    table[1][2] = "viele"
    upload = person.import_file(semicolons(table), mapping=MAPPING, time_zone="Europe/Berlin")
    data = fixed(person, upload["uploadId"], tmp_path, {3: {"Gutmenge": "1.234"}})
    correction = person.send(data, "fix.csv", corrects=upload["uploadId"], work_unit_id=None, preview=True)
    wait_for(lambda: person.client.status(correction)["upload"]["stage"] == "reviewing", "it is in review", seconds=60)
    preview = person.client.preview(correction)
    assert (preview["problem"], preview["rows"][0]["row"], preview["records"]) == (None, 3, 1)
    with pytest.raises(ApiError) as refused:
        person.client.confirm(correction, time_zone="UTC")
    assert (refused.value.status, refused.value.error) == (422, "correction_option_fixed")
    person.client.confirm(correction, **preview["choices"])
    assert outcome(person.client.wait(correction, timeout=90)["upload"]) == (1, 1, 0, 0)
    assert person.client.status(upload["uploadId"])["upload"]["correctedRecords"] == 1


def test_a_correction_counts_as_an_upload(person: Person, tmp_path: Path) -> None:
    """Of the ten an hour."""
    upload = with_refused(person)
    data = fixed(person, upload["uploadId"], tmp_path, {3: {"totalPartsProduced": "100"}})
    for _ in range(9):
        person.send(data, corrects=upload["uploadId"])
    assert refusal(lambda: person.send(data, corrects=upload["uploadId"])) == (429, "rate_limited")


def test_a_download_that_was_sent_as_a_file_is_corrected_by_its_own_rows(person: Person, tmp_path: Path) -> None:
    """Its own columns of ours give way, as they do in its download."""
    upload = with_refused(person)
    sent = person.import_file(fixed(person, upload["uploadId"], tmp_path, {3: {"totalPartsProduced": "100 pieces"}}))
    assert outcome(sent) == (1, 0, 0, 1)
    data = fixed(person, sent["uploadId"], tmp_path, {2: {"totalPartsProduced": "100"}})
    assert outcome(correct(person, sent["uploadId"], data)) == (1, 1, 0, 0)
    assert HEADER[0] in data.decode()
