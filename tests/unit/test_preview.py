"""A preview shows any file that can be shown, says how it is read, and asks what is open."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any, cast

import openpyxl
import pytest

from shared.domain.preview import Preview
from shared.domain.profile import Profile
from shared.domain.upload import SourceObject, Upload, UploadOptions, UploadState
from shared.errors import UploadRejected
from shared.services.choices import Choices
from shared.services.draft_plan import draft_plan
from shared.services.make_preview import make_preview
from shared.services.ports import Objects
from tests.unit.test_plan import OneObject
from tests.unit.test_profiles_in_planning import made

NOW = datetime(2026, 3, 1, tzinfo=UTC)
GOOD = b"timestamp,machineName,goodParts,Quality,note\n" + b'2026-03-01T10:00:00Z,Press 1,"12,5",85,x\n' * 30


def preview(data: bytes, *profiles: Profile, chunk_bytes: int = 1 << 20, **options: Any) -> Preview:
    bucket = cast("Objects", OneObject(data))
    upload = Upload(
        tenant_id="t", upload_id="u", created_at=NOW, created_by="p", correlation_id="c", request_digest="d",
        state=UploadState.PLANNING, file_name="f", file_size=len(data), mime_type="text/csv", object_key="k",
        options=UploadOptions(**{"work_unit_id": "w", "import_type": "csv", "preview": True} | options),
        source=SourceObject(key="k", version_id="v1", etag="e", size=len(data)),
    )  # fmt: skip
    choices = Choices(upload.options, profiles, previewed=True)
    return make_preview(upload, draft_plan(upload, choices, bucket, chunk_bytes), choices, bucket)


def asked(data: bytes, *profiles: Profile, **options: Any) -> str | None:
    """The code of what is open."""
    problem = preview(data, *profiles, **options).problem
    return problem.code if problem else None


def workbook(**sheets: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, table in sheets.items():
        sheet = book.create_sheet(name)
        for row in table:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize("chunk_bytes", [1, 1 << 20])
def test_a_good_file_is_shown_as_it_is_read(chunk_bytes: int) -> None:
    """Its first records with their lines, whatever the chunks, and how each column is understood."""
    found = preview(GOOD, chunk_bytes=chunk_bytes)
    assert found.problem is None
    assert [(one.field, one.how, one.type, one.format) for one in found.columns] == [
        ("timestamp", "header", "timestamp", "YMD"),
        ("machineName", "header", "text", None),
        ("goodParts", "header", "number", "decimal comma"),
        ("quality", "header", "ratio", "percent, decimal point"),
        (None, "unmapped", None, None),
    ]
    assert [row.row for row in found.rows] == list(range(2, 22))
    assert found.rows[0].cells == ["2026-03-01T10:00:00Z", "Press 1", "12,5", "85", "x"]
    assert found.records == 30
    held = found.choices
    assert (held.decimal_mark, held.date_order, held.ratio_scale, held.encoding, held.delimiter) == (
        ",", "YMD", "percent", "utf-8", ",",
    )  # fmt: skip


def test_a_convention_is_no_choice() -> None:
    """What the file does not prove is not said to hold, or confirming would make it the profile's."""
    found = preview(b"timestamp,machineName,goodParts\n2026-03-01T10:00:00Z,m,5\n")
    assert found.choices.decimal_mark is None
    assert found.columns[2].format == "decimal point"


@pytest.mark.parametrize(
    ("code", "data", "options"),
    [
        ("file_columns_missing", b"Wann,Wer\n2026-03-01T10:00:00Z,Press 1\n", {}),
        ("file_columns_missing", GOOD, {"delimiter": "|"}),
        ("file_column_not_there", GOOD, {"mapping": {"Wer": "shift"}}),
        ("file_column_twice", b"timestamp,Shift,shift,machineName\n2026-03-01T10:00:00Z,1,2,m\n", {}),
        ("file_column_and_default", GOOD, {"defaults": {"machineName": "m"}}),
        ("file_no_records", b"timestamp,machineName\n", {}),
        ("column_date_ambiguous", b"timestamp,machineName\n01/02/2026 10:00,m\n", {}),
        ("column_number_ambiguous", b'timestamp,machineName,goodParts\n2026-03-01T10:00Z,m,"1,234"\n', {}),
        ("column_ratio_mixed",
         b"timestamp,machineName,quality\n" + b"".join(
             b"2026-03-01T10:00Z,m,%s\n" % text for text in (b"0.9", b"1.05", b"85", b"86", b"87")), {}),
        ("timestamp_without_zone", b"timestamp,machineName\n2026-03-01 10:00,m\n", {}),
        ("profile_not_found", GOOD, {"profile": "gone"}),
        ("file_encoding_does_not_fit", GOOD.replace(b"Press", "Größe".encode()), {"encoding": "windows-1250"}),
        ("file_encoding_ambiguous", GOOD.replace(b"Press", "СТАНОК".encode("cp1251")), {}),
        ("file_encoding_unknown", GOOD.replace(b"Press", b"ab\x81\x9d\xfe\xfd"), {}),
    ],
)  # fmt: skip
def test_what_is_open_is_asked_and_the_file_is_shown(code: str, data: bytes, options: dict[str, Any]) -> None:
    """The same that ends an import without a preview; but rows without a zone are refused one by one there."""
    found = preview(data, **options)
    assert found.problem
    assert found.problem.code == code
    assert "{" not in found.problem.message
    assert found.columns
    assert len(found.rows) == min(20, found.records)


def test_an_open_encoding_is_not_said_to_be_the_one_that_shows_the_file() -> None:
    """Or it would be confirmed unseen."""
    found = preview(GOOD.replace(b"Press", "СТАНОК".encode("cp1251")))
    assert found.choices.encoding is None


def test_what_cannot_be_shown_is_refused() -> None:
    """Bytes that are no text, a header that is none, JSON that is cut off."""
    for data, options in (
        (b"timestamp,machineName\n\x00\x01\n", {}),
        (b'"a,b\n', {}),
        (b'{"a": 1', {"import_type": "json"}),
    ):
        with pytest.raises(UploadRejected):
            preview(data, **cast("dict[str, Any]", options))


def test_a_correction_answers_the_question() -> None:
    """And says what it was that did."""
    data = b"Wann,Wer,Menge\n2026-03-01T10:00:00Z,Press 1,5\n"
    found = preview(data, mapping={"wann": "timestamp", "Wer": "machineName", "Menge": None})
    assert found.problem is None
    assert [(one.field, one.how) for one in found.columns] == [
        ("timestamp", "mapping"), ("machineName", "mapping"), (None, "mapping"),
    ]  # fmt: skip


def test_a_profile_is_named_and_its_columns_are_its_own() -> None:
    """The caller's word goes before it, as in the import."""
    data = b"Wann,Wer,Menge,Anteil\n03/04/2026 10:00,Press 1,5,0.9\n"
    found = preview(data, made(date_order="DMY", time_zone="Europe/Berlin"), mapping={"Menge": "rejectParts"})
    assert found.problem is None
    assert [one.how for one in found.columns] == ["profile", "profile", "mapping", "profile"]
    assert (found.choices.profile, found.choices.date_order, found.choices.time_zone) == (
        "MES", "DMY", "Europe/Berlin",
    )  # fmt: skip


def test_a_workbook_is_shown_with_its_sheet() -> None:
    """Also where the named one is not there; the rows are those of the sheet."""
    data = workbook(Notes=[["nothing"]], Log=[["Report"], ["timestamp", "machineName"], ["2026-03-01T10:00:00Z", "m"]])
    found = preview(data, import_type="excel")
    assert (found.problem, found.choices.sheet, found.rows[0].row) == (None, "Log", 3)
    other = preview(data, import_type="excel", sheet="None")
    assert other.problem
    assert (other.problem.code, other.choices.sheet) == ("sheet_not_found", "Log")
    assert asked(data, import_type="excel", sheet="Notes") == "file_columns_missing"


def test_json_is_shown_by_its_members() -> None:
    """With the lines that its records start on."""
    data = b'[{"timestamp": "2026-03-01T10:00:00Z",\n "machine": {"name": "m"}},\n{"extra": 5}]'
    found = preview(data, import_type="json")
    assert [one.header for one in found.columns] == ["timestamp", "machine.name", "extra"]
    assert [(row.row, row.cells) for row in found.rows] == [
        (1, ["2026-03-01T10:00:00Z", "m", ""]), (3, ["", "", "5"]),
    ]  # fmt: skip


def test_refused_rows_that_come_back_are_shown_as_they_were() -> None:
    """Without the apostrophes; the columns that the download added are ignored."""
    data = b"linefeed:row,linefeed:codes,linefeed:reasons,timestamp,machineName\n2,x,y,2026-03-01T10:00:00Z,'=m\n"
    found = preview(data)
    assert [one.how for one in found.columns[:3]] == ["ignored"] * 3
    assert found.rows[0].cells[4] == "=m"


def test_a_wide_file_is_shown_in_part() -> None:
    """An answer has a limit: the first thousand columns, with shorter texts."""
    header = b",".join([b"timestamp", b"machineName", *(b"c%d" % n for n in range(1500))])
    row = b",".join([b"2026-03-01T10:00:00Z", b"m", *[b"x" * 100] * 1500])
    found = preview(header + b"\n" + b"\n".join([row] * 30))
    assert (len(found.columns), found.more_columns) == (1000, 502)
    assert {len(one.cells) for one in found.rows} == {1000}
    assert len(found.model_dump_json()) < 1_000_000
    assert found.rows[0].cells[-1].endswith("x…")


def test_rows_that_do_not_fit_are_shown_too() -> None:
    """Those that cannot be cut into cells with their text, each with a cell for every column."""
    data = b'timestamp,machineName\n2026-03-01T10:00:00Z,m\n2026-03-01T10:00:00Z,m,more\n"broken"x,m\nshort\n'
    found = preview(data)
    assert [row.row for row in found.rows] == [2, 3, 4, 5]
    assert {len(row.cells) for row in found.rows} == {2}
    assert found.rows[3].cells == ["short", ""]
