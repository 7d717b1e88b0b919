"""What is handed out comes back: the template filled in, and the refused rows fixed."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from local.client import IMPORTS_PATH, ApiError
from shared.domain.record import ProductionRecord, api_name
from shared.formats.refused_sheet import Sheet, SheetRow, write_workbook
from tests.driving import HEADER, Person, csv_bytes, outcome, rows

Query = Callable[..., list[list[Any]]]
Get = Callable[..., httpx.Response]
EXAMPLES = {api_name(name): info.examples[0] for name, info in ProductionRecord.model_fields.items() if info.examples}
OURS = ["linefeed:row", "linefeed:codes", "linefeed:reasons"]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.fixture
def get(stack: dict[str, Any], token: Callable[..., str]) -> Get:
    """GET a path below the imports as it stands, with any headers."""

    def send(path: str, *, tenant: str = "tenant-a", **headers: str) -> httpx.Response:
        session = {"Authorization": f"Bearer {token(tenant=tenant)}"}
        return httpx.get(stack["apiUrl"] + IMPORTS_PATH + path, headers=session | headers, trust_env=False)

    return send


def sheet_of(workbook: openpyxl.Workbook) -> Worksheet:
    sheet = workbook.active
    assert isinstance(sheet, Worksheet)
    return sheet


def saved(workbook: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def workbook_of(person: Person, upload: dict[str, Any], folder: Path) -> openpyxl.Workbook:
    path = folder / f"{upload['uploadId']}.xlsx"
    assert person.client.download_refused_xlsx(upload["uploadId"], path) == path.stat().st_size
    return openpyxl.load_workbook(path)


def test_the_template_filled_with_its_examples_goes_in_without_a_choice(person: Person, query: Query) -> None:
    """As a workbook and as CSV: the same record, with nothing unmapped and no warning."""
    workbook = openpyxl.load_workbook(io.BytesIO(person.client.template()))
    sheet = workbook["Records"]
    assert isinstance(sheet, Worksheet)
    sheet.append([EXAMPLES[str(cell.value)] for cell in sheet[1]])
    first = person.import_file(saved(workbook), "template.xlsx")
    assert (outcome(first), first["totals"]["warnings"]) == ((1, 1, 0, 0), 0)
    assert first["unmappedColumns"] == []
    header = next(csv.reader([person.client.template("csv").decode("utf-8-sig")]))
    text = io.StringIO()
    csv.writer(text).writerows([header, [EXAMPLES[name] for name in header]])
    assert outcome(person.import_file(text.getvalue().encode("utf-8-sig"), "template.csv")) == (1, 0, 1, 0)
    [[part, good, oee]] = query(
        "SELECT part_number, good_parts, oee_score FROM production_records WHERE work_unit_id = :unit",
        unit=person.work_unit,
    )
    assert (part, float(good), float(oee)) == ("004711", 485.0, 0.8639)


@pytest.mark.parametrize("form", ["xlsx", "csv"])
def test_an_untouched_template_has_no_records(person: Person, form: Any) -> None:
    """And says so."""
    upload = person.import_file(person.client.template(form), f"template.{form}")
    assert (upload["status"], upload["failure"]["code"]) == ("failed", "file_no_records")


def test_the_template_is_a_download_that_is_fetched_again_only_when_it_changed(get: Get) -> None:
    """Binary through the gateway, under a name, with a tag."""
    answer = get("/template")
    assert (answer.status_code, answer.headers["content-type"]) == (200, XLSX)
    assert answer.headers["content-disposition"] == 'attachment; filename="manufacturing-data-template.xlsx"'
    assert openpyxl.load_workbook(io.BytesIO(answer.content)).sheetnames == ["Records", "Fields"]
    again = get("/template", **{"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])
    other = get("/template?format=csv", **{"If-None-Match": answer.headers["etag"]})
    assert (other.status_code, other.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert get("/template?format=ods").json()["error"] == "format_unknown"
    assert get("/template", Authorization="").status_code == 401


def test_the_workbook_of_refused_rows_is_fixed_and_goes_in(person: Person, query: Query, tmp_path: Path) -> None:
    """One cell is changed; zeros, formulas, line ends and odd characters of the others are as in the first file."""
    notes = ["=1+1", "000123", "a\r\nb\rc", "_x0041_", " x ", "\x01", "'=A1", "😀"]
    table = [[*row, note] for row, note in zip(rows(8), notes, strict=True)]
    for row in table:
        row[4] = "101"
    upload = person.import_file(csv_bytes(table, [*HEADER, "note"]))
    assert outcome(upload) == (8, 0, 0, 8)
    workbook = workbook_of(person, upload, tmp_path)
    sheet = sheet_of(workbook)
    assert [cell.value for cell in sheet[1]] == ["linefeed:row", "linefeed:codes", "linefeed:reasons", *HEADER, "note"]
    assert {cell.data_type for line in sheet.iter_rows() for cell in line} == {"s"}
    assert [cell.value for cell in sheet[2] if cell.fill.fill_type] == ["101"]
    for line in range(2, 10):
        sheet.cell(line, 8).value = 97
    again = person.import_file(saved(workbook), "fixed.xlsx")
    assert outcome(again) == (8, 8, 0, 0)
    assert again["unmappedColumns"] == ["note"]
    stored = query(
        "SELECT attributes->>'note' FROM production_records WHERE work_unit_id = :unit ORDER BY timestamp",
        unit=person.work_unit,
    )
    assert [note for [note] in stored] == notes


def test_a_workbook_of_refused_rows_that_comes_back_as_it_is_is_refused_again(
    new_person: Callable[..., Person], query: Query, tmp_path: Path
) -> None:
    """Also where a row had too many or too few cells, or one that is too long: nothing goes in as something else."""
    person = new_person("Acme + Söhne & Co*")
    good, short, wide, long = rows(4)
    table = [
        [*good, "", "x"],
        short[:4],
        [*wide[:4], "97", "5", "3", "more", "still", "x"],
        ["2026-03-01T00:00:00Z", "Press 1", 'a"b'],
        [*long[:4], "101", "0", "y" * 40_000, ""],
    ]
    header = [*HEADER, "a", "b"]
    upload = person.import_file(csv_bytes(table, header).replace(b'"a""b"', b'"a"b"'))
    assert outcome(upload) == (5, 1, 0, 4)
    workbook = workbook_of(person, upload, tmp_path)
    first = person.import_file(saved(workbook), "again.xlsx")
    assert outcome(first) == (4, 0, 0, 4)
    codes = [row["errors"][0]["code"] for row in person.client.refused_rows(first["uploadId"])["refusedRows"]]
    assert codes == ["cell_missing", "row_too_many_cells", "cell_missing", "cell_cut"]
    marked = sheet_of(workbook_of(person, first, tmp_path))
    assert [cell.value for cell in marked[1]][:4] == [*OURS, HEADER[0]]
    downloaded = tmp_path / "first.csv"
    person.client.download_refused_csv(first["uploadId"], downloaded)
    with downloaded.open(encoding="utf-8-sig", newline="") as file:
        assert next(csv.reader(file)) == [*OURS, *header]
    filled = [[str(cell.value) for cell in line if cell.fill.fill_type] for line in marked.iter_rows(min_row=2)]
    assert [cells[0].rpartition(" ")[2] for cells in filled] == [
        "linefeed:missing",
        "still",
        "linefeed:missing",
        "linefeed:cut",
    ]
    second = person.import_file(saved(workbook_of(person, first, tmp_path)), "once-more.xlsx")
    assert outcome(second) == (4, 0, 0, 4)
    assert query("SELECT count(*) FROM production_records WHERE work_unit_id = :u", u=person.work_unit) == [[1]]

    sheet = sheet_of(workbook)
    for position, text in enumerate(["97", "3", "", ""], start=8):
        sheet.cell(2, position).value = text
    for position, text in enumerate(["97", "3", "more", "still"], start=8):
        sheet.cell(3, position).value = text
    for position in (12, 13, 14):
        sheet.cell(3, position).value = None
    sheet.delete_rows(4)
    sheet.cell(4, 8).value, sheet.cell(4, 10).value = "97", "short"
    assert outcome(person.import_file(saved(workbook), "mended.xlsx")) == (3, 3, 0, 0)


def test_a_notice_above_the_header_is_no_record(person: Person) -> None:
    """A workbook of the first refused rows of very many comes back like any other."""
    out = io.BytesIO()
    sheet = Sheet("Refused rows", [9], "Only the first 2 of 3 refused rows are in this workbook.", HEADER)
    write_workbook(out, sheet, [SheetRow(row) for row in rows(2)])
    assert outcome(person.import_file(out.getvalue(), "part.xlsx")) == (2, 2, 0, 0)


def test_the_place_of_a_download_is_json_for_those_who_ask_for_json(
    person: Person, get: Get, aws: Callable[[str], Any]
) -> None:
    """Others are led there; the workbook is made once, and each download is in the audit trail."""
    table = rows(2)
    table[0][3] = "many"
    upload_id = person.import_file(csv_bytes(table))["uploadId"]
    s3 = aws("s3")
    key = f"reports/tenant-a/{upload_id}/refused-rows.xlsx"
    for form in ("csv", "xlsx", "xlsx"):
        led = get(f"/{upload_id}/errors?format={form}")
        assert (led.status_code, led.headers["location"]) == (302, led.json()["url"])
        told = get(f"/{upload_id}/errors?format={form}", Accept="application/json")
        assert (told.status_code, told.headers["cache-control"]) == (200, "no-store")
        expires = datetime.fromisoformat(told.json()["expiresAt"])
        assert 200 < (expires - datetime.now(expires.tzinfo)).total_seconds() <= 300
        file = httpx.get(told.json()["url"], trust_env=False)
        assert f"refused-rows-{upload_id}.{form}" in file.headers["content-disposition"]
    bucket = urlsplit(led.headers["location"]).path.split("/")[1]
    versions = s3.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]
    assert len(versions) == 1
    events = person.client.audit(upload_id, limit=100)["events"]
    formats = [event["details"]["format"] for event in events if event["event"] == "refused_rows_downloaded"]
    assert formats == ["csv"] * 2 + ["xlsx"] * 4
    assert get(f"/{upload_id}/errors?format=xlsx", tenant="tenant-b").status_code == 404
    assert get(f"/{upload_id}/errors?format=pdf").json()["error"] == "format_unknown"


def test_there_is_no_workbook_where_no_row_was_refused(person: Person) -> None:
    """As there is no CSV."""
    upload_id = person.import_file(csv_bytes(rows(2)))["uploadId"]
    with pytest.raises(ApiError) as caught:
        person.client.download_refused_xlsx(upload_id, Path("nowhere"))
    assert (caught.value.status, caught.value.error) == (404, "no_refused_rows")


def test_a_refused_row_larger_than_an_answer_is_shown_cut(person: Person, tmp_path: Path) -> None:
    """The API pages past it, and the files have it whole, or say where not."""
    note = f"{'é' * 999}\n" * 100
    table = [[*row, *[note] * 20] for row in rows(1)]
    table[0][4] = "101"
    table += [[*row, *[""] * 20] for row in rows(3, start=1)]
    table[3][4] = "102"
    upload = person.import_file(csv_bytes(table, [*HEADER, *(f"n{n}" for n in range(20))]))
    assert outcome(upload) == (4, 2, 0, 2)
    first, second = person.client.refused_rows(upload["uploadId"])["refusedRows"]
    assert (first["row"], first["truncated"], first["record"]["goodParts"]) == (2, True, "101")
    assert first["record"]["n0"].endswith("… (cut, of 100,000 characters)")
    assert "truncated" not in second
    path = tmp_path / "refused.csv"
    person.client.download_refused_csv(upload["uploadId"], path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert next(csv.DictReader(file))["n19"] == note
    sheet = sheet_of(workbook_of(person, upload, tmp_path))
    assert "CSV" in str(sheet["C2"].value)
