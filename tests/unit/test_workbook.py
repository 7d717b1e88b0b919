"""Workbooks: the sheet that is chosen, the values that come, and what hostile files end in."""

from __future__ import annotations

import os
import random
import signal
import struct
import subprocess
import sys
import threading
import time as clock
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.worksheet.worksheet import Worksheet

from shared.errors import TransientError, UploadRejected
from shared.formats import workbook_process
from shared.formats.typed_rows import TypedRows
from shared.formats.workbook import WorkbookLimits, WorkbookRows, read_workbook
from tests.golden.excel.build import TABLE, build_ods
from tests.workbooks import SHEET1, Cell, ErrorCode, patch_zip, write_xlsb, write_zip, xlsx_of

GOLDEN = Path(__file__).parents[1] / "golden" / "excel"
LIMITS = WorkbookLimits(memory_bytes=1 << 30, inflated_bytes=256 << 20, seconds=30)
HEADER: list[object] = ["timestamp", "machineName", "goodParts"]

Rows = list[tuple[str | int | float | None, ...]]


def rows_of(path: Path, *, sheet: str | None = None, limits: WorkbookLimits = LIMITS) -> Rows:
    """The rows from 1 on; a cell that was a number is one, a blank one is None."""
    with read_workbook(path, sheet=sheet, limits=limits) as batches:
        read = list(batches)
    rows = [row for batch in read for row in values_of(batch)]
    lines = [line for batch in read for line in batch.lines]
    assert lines == [lines[0] + place for place in range(len(rows))] if rows else not lines
    return [(None,) * len(rows[0])] * (lines[0] - 1) + rows if rows else []


def values_of(batch: TypedRows) -> Rows:
    """The rows of a batch."""
    columns = [
        [_value(text, is_number=number) for text, number in zip(*column, strict=True)] for column in batch.columns
    ]
    return list(zip(*columns, strict=True))


def _value(text: str | None, *, is_number: bool) -> str | float | None:
    if is_number and text:
        return int(text) if text.lstrip("-").isdecimal() else float(text)
    return text


def as_read(value: object) -> object:
    """What comes of a value: numbers as they are, all else as text."""
    match value:
        case ErrorCode():
            return "#DIV/0!"
        case bool():
            return str(value).lower()
        case datetime() if value.time() == time():
            return str(value.date())  # which cannot be told from a date
        case timedelta():
            minutes, seconds = divmod(round(value.total_seconds()), 60)
            return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
        case date() | time():
            return str(value)
        case _:
            return value


def code_of(path: Path, *, sheet: str | None = None, limits: WorkbookLimits = LIMITS) -> str | None:
    """The code by which the file is refused; None when its rows could be read."""
    try:
        rows_of(path, sheet=sheet, limits=limits)
    except UploadRejected as refusal:
        return refusal.code
    return None


def saved(path: Path, *sheets: tuple[str, Sequence[Sequence[object]]], hidden: tuple[str, ...] = ()) -> Path:
    """An .xlsx of these sheets."""
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    for name, rows in sheets:
        sheet: Worksheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
        sheet.sheet_state = "hidden" if name in hidden else "visible"
    workbook.save(path)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a test may write its workbook; the name has no suffix, as in storage."""
    return tmp_path / "upload"


class TestValues:
    """What stands in the cells is what comes."""

    @pytest.mark.parametrize("name", ["typed.xlsx", "typed.xls", "typed.xlsb", "typed.ods"])
    def test_golden(self, name: str) -> None:
        """Each format gives the same rows, with their numbers, types and error cells."""
        rows = rows_of(GOLDEN / name)
        assert len(rows) == 6
        assert rows[0] == (None, "Schichtbericht", *[None] * 8)
        assert rows[1] == (None,) * 10
        expected = [(None, *map(as_read, row)) for row in TABLE]
        if name == "typed.ods":
            expected[3] = (*expected[3][:6], "00:05:00", *expected[3][7:])
        assert rows[2:] == expected
        assert [type(cell) for cell in rows[3]] == [type(cell) for cell in expected[1]]

    def test_numbers_have_the_digits_that_excel_shows(self, path: Path) -> None:
        """A whole number is an int, and the 16th and 17th digits of binary arithmetic do not show."""
        values = ["4711", "4711.0", "0.30000000000000004", "1.1000000000000001", "1.2345678901234568E+18", "-0", "1E-7"]
        cells = "".join(f"<c><v>{value}</v></c>" for value in values)
        row = rows_of(xlsx_of(path, f"<row>{cells}</row>"))[0]
        assert row == (4711, 4711, 0.3, 1.1, 1234567890123460000, 0, 1e-07)
        assert list(map(type, row)) == [int, int, float, float, int, int, float]

    @pytest.mark.parametrize("others", ["", "<row><c><v>0.5</v></c></row>", '<row><c t="str"><v>x</v></c></row>'])
    def test_a_serial_of_sixteen_digits_stays(self, path: Path, others: str) -> None:
        """Programs write more digits than Excel does; those of a number below 2^53 are exact, whatever is beside it."""
        rows = rows_of(xlsx_of(path, f"<row><c><v>1234567890123456</v></c></row>{others * 60}"))
        assert rows[0] == (1234567890123456,)

    @pytest.mark.parametrize("kind", ["", ' t="n"', ' s="1"'])
    def test_a_serial_with_more_digits_than_a_double_keeps_is_text(self, path: Path, kind: str) -> None:
        """As pandas writes 64-bit numbers: each digit stays, in cells of numbers and as a formula's value."""
        serials = ["1234567890123456789", "-9007199254740993", "9007199254740993"]
        cells = "".join(f"<c{kind}><v>{serial}</v></c><c{kind}><f>1</f><v>{serial}</v></c>" for serial in serials)
        rows = rows_of(xlsx_of(path, f"<row>{cells}</row>" * 2))
        assert rows == [tuple(serial for serial in serials for _ in range(2))] * 2

    def test_a_long_number_that_is_text_already(self, path: Path) -> None:
        """It stays what it is: texts beside it too, and an index of shared strings is none."""
        cells = '<c t="str"><v>12345678901234567</v></c><c t="inlineStr"><is><t>v>12345678901234567</t></is></c>'
        assert rows_of(xlsx_of(path, f"<row>{cells}</row>")) == [("12345678901234567", "v>12345678901234567")]

    def test_numbers_that_are_none(self, path: Path) -> None:
        """What a careless program writes as a number is text here, and nothing is lost in its column."""
        rows = rows_of(xlsx_of(path, "".join(f"<row><c><v>{v}</v></c></row>" for v in ("1.5", "NaN", "1e999", "2"))))
        assert [cell for (cell,) in rows] == [1.5, "nan", "inf", 2]

    @pytest.mark.parametrize("attribute", ['t="e"', "t='e'", 't = "e"', 's="0" t="e"'])
    def test_error_cells(self, path: Path, attribute: str) -> None:
        """An error is its text in every spelling of XML, beside blanks and texts that look like one."""
        cells = f'<c {attribute}><f>1/0</f><v>#REF!</v></c><c/><c t="inlineStr"><is><t>a t="e" b</t></is></c>'
        assert rows_of(xlsx_of(path, f"<row>{cells}</row>")) == [("#REF!", None, 'a t="e" b')]

    def test_error_cells_across_pieces(self, path: Path) -> None:
        """Errors are found wherever the pieces end in which the sheet is copied."""
        count = 40_000
        rows = rows_of(xlsx_of(path, '<row><c t="e"><v>#N/A</v></c><c><v>1</v></c></row>' * count))
        assert rows == [("#N/A", 1)] * count

    @pytest.mark.parametrize("value", ["", "<v></v>", "<v/>"])
    @pytest.mark.parametrize("kind", ["", ' t="n"', ' s="1"'])
    def test_a_formula_that_nobody_calculated_is_no_blank(self, path: Path, kind: str, value: str) -> None:
        """As openpyxl and others write it; one whose value is an empty text is blank."""
        cells = f'<c{kind}><f>A1+1</f>{value}</c><c t="str"><f>""</f><v></v></c><c{kind}><f>1+1</f><v>2</v></c>'
        assert rows_of(xlsx_of(path, f"<row>{cells}</row>")) == [("#GETTING_DATA", None, 2)]

    def test_uncalculated_formulas_across_pieces(self, path: Path) -> None:
        """They are found wherever the pieces end in which the sheet is copied."""
        rows = [f'<row><c r="A{n}"><f>B{n}</f><v></v></c><c r="B{n}"><v>1</v></c></row>' for n in range(1, 30_001)]
        assert rows_of(xlsx_of(path, "".join(rows))) == [("#GETTING_DATA", 1)] * 30_000

    def test_an_ods_of_a_program_that_does_not_calculate(self, path: Path) -> None:
        """A formula without a value is no blank, and a long number keeps its digits."""
        long = b'office:value="1234567890123456789" calcext:value-type="float"><text:p>1234567890123456789</text:p>'
        cells = [
            b'<table:table-cell table:formula="of:=[.A1]+1"/>',
            b'<table:table-cell table:formula="of:=[.A1]+1"></table:table-cell>',
            b'<table:table-cell table:formula="of:=1+1" office:value-type="float" office:value="2"/>',
            b'<table:table-cell office:value-type="float" ' + long + b"</table:table-cell>",
            b"<table:table-cell/>",
        ]
        build_ods(path)

        def with_row(content: bytes) -> bytes:
            before, row, after = content.partition(b"<table:table-row>")
            return before + row + b"".join(cells) + b"</table:table-row>" + row + after

        patch_zip(path, "content.xml", with_row)
        assert rows_of(path)[0][:5] == ("#GETTING_DATA", "#GETTING_DATA", 2, "1234567890123456789", None)

    def test_an_error_that_is_shown_by_a_number(self, path: Path) -> None:
        """In an .ods, the error that a cell shows wins over the 0 that some programs store beneath it."""
        build_ods(path)

        def as_number(content: bytes) -> bytes:
            changed = content.replace(b'office:string-value=""', b'office:value="0"')
            assert changed != content
            return changed

        patch_zip(path, "content.xml", as_number)
        assert rows_of(path)[5][9] == "#DIV/0!"

    def test_xls_formula_with_an_error(self, path: Path) -> None:
        """The cached error of a formula in an .xls is found in the formula's own record."""
        data = (GOLDEN / "typed.xls").read_bytes()
        bool_error = data.index(struct.pack("<HHHH", 0x0205, 8, 5, 9))
        formula = data.find(struct.pack("<HH", 0x0006, 22))
        assert formula < 0
        # The record after BOOLERR is rewritten with it as one FORMULA of the same length.
        following = data[bool_error + 12 :]
        kind, length = struct.unpack_from("<HH", following)
        assert 8 + 4 + length >= 22, (kind, length)
        body = struct.pack("<HHH", 5, 9, 0) + b"\x02\x00\x2a\x00\x00\x00\xff\xff" + bytes(8 + 4 + length - 14)
        path.write_bytes(data[:bool_error] + struct.pack("<HH", 6, len(body)) + body + following[4 + length :])
        assert rows_of(path)[5][9] == "#N/A"

    def test_dates_of_1904(self, path: Path) -> None:
        """A workbook that counts its days from 1904 gives the same dates, times and durations."""
        workbook = Workbook()
        workbook.epoch = CALENDAR_MAC_1904
        row = [datetime(2026, 3, 1, 14, 30), date(2026, 3, 1), time(6, 30), timedelta(hours=30)]  # noqa: DTZ001
        workbook.worksheets[0].append(row)
        workbook.save(path)
        assert rows_of(path) == [tuple(map(as_read, row))]

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [(1.5, "0:00:01.5"), (93599.7, "25:59:59.7"), (-12000, "-3:20:00"), (-0.25, "-0:00:00.25"), (-1e-5, "0:00:00")],
    )
    def test_durations_are_kept_to_the_millisecond(self, path: Path, seconds: float, text: str) -> None:
        """Also below zero, as in a balance of hours; and none has 60 seconds."""
        cells: dict[tuple[int, int], Cell] = {(0, 0): timedelta(seconds=seconds)}
        assert rows_of(write_xlsb(path, {"S": cells})) == [(text,)]

    def test_number_formats_that_are_no_dates(self, path: Path) -> None:
        """Letters of dates in a number's format make it no date."""
        formats = ['0.0" h"', "[Red]0", '#,##0 "Std"', r"0 \d", "0.00E+00", "[$€-407] #,##0.00", '"Schicht "0', "@"]
        workbook = Workbook()
        sheet = workbook.worksheets[0]
        for row, text in enumerate(formats, 1):
            cell = sheet.cell(row, 1, 46082.5)
            cell.number_format = text
        workbook.save(path)
        assert rows_of(path) == [(46082.5,)] * len(formats)

    def test_a_column_of_many_types(self, path: Path) -> None:
        """A column may mix what it likes; texts that look like our own notation stay texts."""
        cells: list[object] = [
            1,
            "d2026-01-01",
            "",
            None,
            True,
            date(2026, 1, 1),
            time(1, 2, 3),
            timedelta(1, 5),
            0.1,
            "s",
        ]
        read = rows_of(saved(path, ("S", [[cell] for cell in cells])))
        assert [cell for (cell,) in read] == [as_read(cell) if cell != "" else None for cell in cells]

    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.data())
    def test_what_was_written_is_read(self, tmp_path: Path, data: st.DataObject) -> None:
        """A sheet of any values, wherever it stands, comes back as it was written."""
        width = data.draw(st.integers(1, 6))
        table = data.draw(st.lists(st.lists(VALUES, min_size=width, max_size=width), max_size=30))
        top, left = data.draw(st.integers(0, 5)), data.draw(st.integers(0, 5))
        workbook = Workbook()
        for row, cells in enumerate(table, top + 1):
            for column, value in enumerate(cells, left + 1):
                cell = workbook.worksheets[0].cell(row, column, value)
                if isinstance(value, timedelta):
                    cell.number_format = "[h]:mm:ss"
        workbook.worksheets[0].cell(top + len(table) + 1, left + width, "end")
        workbook.save(tmp_path / "drawn")
        read = rows_of(tmp_path / "drawn")
        assert len(read) == top + len(table) + 1
        assert [list(row[left:]) for row in read[top:-1]] == [list(map(as_read, row)) for row in table]
        assert not any(cell for row in read for cell in row[:left])


_SECONDS = st.integers(0, 86_399)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.floats(-1e12, 1e12).map(lambda number: float(f"{number:.15g}")).filter(lambda number: not number.is_integer()),
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs", "S"]), min_size=1, max_size=40).filter(
        lambda text: not text.startswith("=") and "_x" not in text
    ),
    st.datetimes(datetime(1901, 1, 1), datetime(2200, 1, 1)).map(lambda moment: moment.replace(microsecond=0)),  # noqa: DTZ001
    st.dates(date(1901, 1, 1), date(2200, 1, 1)),
    _SECONDS.map(lambda seconds: time(seconds // 3600, seconds // 60 % 60, seconds % 60)),
    st.integers(0, 10**6).map(lambda seconds: timedelta(seconds=seconds)),
)


class TestSheetChoice:
    """Which sheet holds the records."""

    def test_the_sheet_that_names_most_fields(self, path: Path) -> None:
        """Not the first, not the longest: the one whose header names the fields, which is said."""
        saved(path, ("Notes", [["remark"]] * 90), ("A", [["machineName"]]), ("B", [["Report"], HEADER, ["x", "y", 1]]))
        with read_workbook(path, sheet=None, limits=LIMITS) as rows:
            assert rows.sheet == "B"
            assert "row 2 names 3 fields" in rows.evidence

    def test_of_equals_the_longest_then_the_first(self, path: Path) -> None:
        """The others are named, because their rows are not read."""
        saved(path, ("May", [HEADER]), ("June", [HEADER, [1, 2, 3]]), ("July", [HEADER, [1, 2, 3]]))
        with read_workbook(path, sheet=None, limits=LIMITS) as rows:
            assert rows.sheet == "June"
            assert "“May”" in rows.evidence
            assert "“July”" in rows.evidence
            assert sum(len(values_of(batch)) for batch in rows) == 2

    def test_known_headers_count(self, path: Path) -> None:
        """The headers of a profile choose the sheet of a source whose names nobody else knows."""
        saved(path, ("A", [["machineName"]] * 5), ("B", [["Zähler 7", "Anlage"]]))
        with read_workbook(path, sheet=None, known=frozenset({"zähler 7", "ANLAGE"}), limits=LIMITS) as rows:
            assert rows.sheet == "B"

    def test_hidden_only_by_name(self, path: Path) -> None:
        """A hidden sheet is read when it is named, in any case of letters."""
        saved(path, ("Old", [HEADER] * 9), ("New", [HEADER]), hidden=("Old",))
        assert len(rows_of(path)) == 1
        assert len(rows_of(path, sheet=" old")) == 9

    def test_a_name_that_is_not_there(self, path: Path) -> None:
        """The refusal names the sheets that are."""
        saved(path, ("Old", [HEADER]), ("New", [HEADER]), hidden=("Old",))
        with pytest.raises(UploadRejected, match="“Old”, “New”") as refusal:
            read_workbook(path, sheet="Data", limits=LIMITS)
        assert refusal.value.code == "sheet_not_found"

    def test_nothing_in_it(self, path: Path) -> None:
        """Empty sheets are no sheet; an empty one that is named has no rows."""
        saved(path, ("A", []), ("B", []))
        assert code_of(path) == "workbook_no_sheet"
        assert rows_of(path, sheet="A") == []

    def test_a_header_below_the_first_rows_of_a_sheet_that_begins_late(self, path: Path) -> None:
        """Blank rows above a table do not count among the first rows."""
        saved(path, ("A", [["x"]] * 3), ("B", [*[[]] * 200, HEADER]))
        with read_workbook(path, sheet=None, limits=LIMITS) as rows:
            assert rows.sheet == "B"
            assert [record.line for batch in rows for record in batch.records()] == [201]


class TestHostileFiles:
    """Whatever the bytes, the answer is rows or a refusal, within the limits."""

    def test_dimension_that_lies(self, path: Path) -> None:
        """What the file claims of its size is not believed."""
        xlsx_of(path, "<row><c><v>1</v></c></row>", dimension="A1:XFD1048576")
        assert rows_of(path) == [(1,)]

    def test_far_cell(self, path: Path) -> None:
        """Two cells at the ends of the largest sheet, over which the parser aborts, are a refusal."""
        xlsx_of(path, '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
        assert code_of(path) == "workbook_too_complex"

    def test_area_beyond_the_bound(self, path: Path) -> None:
        """A smaller area than that is named in the refusal."""
        xlsx_of(path, '<row r="1"><c r="A1"><v>1</v></c></row><row r="9"><c r="J9"><v>1</v></c></row>')
        with pytest.raises(UploadRejected, match="9 rows × 10 columns") as refusal:
            read_workbook(path, sheet=None, limits=WorkbookLimits(cells=89))
        assert refusal.value.code == "workbook_sheet_too_large"

    @pytest.mark.parametrize("megabytes", [100, 600])
    def test_zip_bomb(self, path: Path, megabytes: int) -> None:
        """A sheet that inflates to much more than it is ends soon and without the memory."""
        with (
            ZipFile(xlsx_of(path, ""), "a", ZIP_DEFLATED) as archive,
            archive.open("xl/sharedStrings.xml", "w") as part,
        ):
            for _ in range(megabytes):
                part.write(b" " * (1 << 20))
        started = clock.monotonic()
        with _peak_of_children() as peak:
            assert code_of(path) in {"workbook_too_complex", "workbook_unreadable"}
        assert clock.monotonic() - started < 10
        assert peak() < 600 << 20

    def test_strings_that_multiply(self, path: Path) -> None:
        """One long text that many cells share does not fill the memory."""
        xlsx_of(path, '<row><c t="s"><v>0</v></c></row>' * 5000)
        patch_zip(
            path,
            "xl/_rels/workbook.xml.rels",
            lambda rels: rels.replace(
                b"</Relationships>",
                b'<Relationship Id="s" Target="sharedStrings.xml" Type="http://schemas.openxmlformats.org/officeDocument/'
                b'2006/relationships/sharedStrings"/></Relationships>',
            ),
        )
        with ZipFile(path, "a", ZIP_DEFLATED) as archive:
            archive.writestr("xl/sharedStrings.xml", b"<sst><si><t>" + b"x" * (4 << 20) + b"</t></si></sst>")
        with _peak_of_children() as peak:
            assert code_of(path) == "workbook_too_complex"
        assert peak() < LIMITS.memory_bytes

    def test_password(self, path: Path) -> None:
        """A workbook under a password is refused as one: newer ones are a compound file of their own."""
        path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"))
        assert code_of(path) == "workbook_encrypted"

    def test_password_in_the_archive(self, path: Path) -> None:
        """Also where single members of the archive are encrypted."""
        data = bytearray(xlsx_of(path, "<row><c><v>1</v></c></row>").read_bytes())
        at = -1
        while (at := data.find(b"PK\x01\x02", at + 1)) >= 0:
            data[at + 8] |= 1
        path.write_bytes(data)
        assert code_of(path) == "workbook_encrypted"

    def test_password_of_an_ods(self, path: Path) -> None:
        """And where an .ods says so in its manifest."""
        build_ods(path)
        patch_zip(
            path,
            "META-INF/manifest.xml",
            lambda manifest: manifest.replace(
                b"</manifest:manifest>",
                b'<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml">'
                b"<manifest:encryption-data/></manifest:file-entry></manifest:manifest>",
            ),
        )
        assert code_of(path) == "workbook_encrypted"

    def test_truncated(self, path: Path) -> None:
        """A workbook that was cut anywhere is refused, never read in part."""
        for name in ("typed.xlsx", "typed.xls", "typed.xlsb", "typed.ods"):
            data = (GOLDEN / name).read_bytes()
            path.write_bytes(data[: len(data) // 2])
            assert code_of(path) == "workbook_unreadable", name

    def test_a_sheet_whose_xml_ends_early(self, path: Path) -> None:
        """The rows before the break are not taken for all."""
        xlsx_of(path, "<row><c><v>1</v></c></row>" * 10)
        patch_zip(path, SHEET1, lambda sheet: sheet[: len(sheet) * 2 // 3])
        assert code_of(path) == "workbook_unreadable"

    def test_utf_16(self, path: Path) -> None:
        """A part in an encoding that the parser does not know is refused, never read as empty."""
        xlsx_of(path, "<row><c><v>1</v></c></row>")
        patch_zip(path, SHEET1, lambda sheet: sheet.decode().encode("utf-16"))
        assert code_of(path) == "workbook_unreadable"

    @pytest.mark.parametrize("data", [b"", b"a,b\n1,2\n", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"\x00" * 5000])
    def test_no_workbook(self, path: Path, data: bytes) -> None:
        """Other files are refused."""
        path.write_bytes(data)
        assert code_of(path) == "workbook_unreadable"

    def test_other_office_documents(self, path: Path) -> None:
        """An archive without sheets is refused."""
        write_zip(
            path, {"[Content_Types].xml": b"<Types/>", "_rels/.rels": b"<Relationships/>", "word/document.xml": b""}
        )
        assert code_of(path) == "workbook_unreadable"

    @pytest.mark.parametrize("name", ["typed.xlsx", "typed.xls", "typed.xlsb", "typed.ods"])
    def test_damaged_bytes(self, path: Path, name: str) -> None:
        """Bytes changed at random end in rows or in a refusal, never in another exception."""
        chance = random.Random(name)
        data = (GOLDEN / name).read_bytes()
        for _ in range(8):
            damaged = bytearray(data)
            for _ in range(chance.randint(1, 30)):
                damaged[chance.randrange(len(data))] = chance.randrange(256)
            path.write_bytes(damaged)
            code_of(path)

    @settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.sampled_from([b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"]), st.binary(max_size=2000))
    def test_random_bytes(self, tmp_path: Path, start: bytes, rest: bytes) -> None:
        """Random bytes are refused."""
        (tmp_path / "random").write_bytes(start + rest)
        assert code_of(tmp_path / "random") == "workbook_unreadable"


class TestTheChild:
    """The process that reads is bounded, and gone when it should be."""

    def test_it_dies_while_rows_come(self, path: Path) -> None:
        """A death in the middle is a refusal, never the end of the rows."""
        xlsx_of(path, "<row><c><v>1</v></c><c><v>0.123456789</v></c></row>" * 300_000)
        with read_workbook(path, sheet=None, limits=LIMITS) as rows:
            numbers = iter(rows)
            next(numbers)
            _child_of(rows).kill()
            with pytest.raises(UploadRejected) as refusal:
                list(numbers)
        assert refusal.value.code == "workbook_too_complex"
        assert refusal.value.__cause__ is not None

    def test_cpu_time(self, path: Path) -> None:
        """A sheet that takes longer than it may is refused."""
        xlsx_of(path, "<row><c><v>1</v></c><c><v>0.123456789</v></c></row>" * 3_000_000)
        started = clock.monotonic()
        assert code_of(path, limits=WorkbookLimits(seconds=1)) == "workbook_too_complex"
        assert clock.monotonic() - started < 10

    def test_waiting_time(self, path: Path) -> None:
        """A child that hangs is not waited for longer than the limit."""
        xlsx_of(path, "<row><c><v>1</v></c></row>" * 500_000)
        with read_workbook(path, sheet=None, limits=WorkbookLimits(seconds=2)) as rows:
            os.kill(_child_of(rows).pid, signal.SIGSTOP)
            with pytest.raises(UploadRejected) as refusal:
                list(rows)
        assert refusal.value.code == "workbook_too_complex"

    def test_garbage_on_the_pipe(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A child that fell to the file can say what it likes: the answer is a refusal."""
        path.write_bytes(b"x")
        ready = b"m" + struct.pack(">I", 14) + b'{"ready":true}'
        for answer in (
            b"garbage that is no frame",
            b"m" + struct.pack(">I", 1 << 31),
            b"m\x00\x00\x00\x01[",
            b"r\x00\x00\x00\x02[]",
            b'm\x00\x00\x00\x0c{"sheets":1}',
            b'm\x00\x00\x00\x12{"problem":"no_no"}',
        ):
            code = f"import os,sys; sys.stdin.readline(); os.write(1, {ready + answer!r})"
            monkeypatch.setattr(workbook_process, "_COMMAND", [sys.executable, "-c", code])
            assert code_of(path) == "workbook_unreadable", answer

    def test_a_child_that_cannot_start(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """That is the system's fault and no verdict on the file."""
        path.write_bytes(b"x")
        for command in (["/nonexistent"], [sys.executable, "-c", "import nothing_of_that_name"]):
            monkeypatch.setattr(workbook_process, "_COMMAND", command)
            with pytest.raises(TransientError):
                read_workbook(path, sheet=None, limits=LIMITS)

    def test_it_ends_with_its_parent(self, path: Path) -> None:
        """A parent that is killed leaves no child that goes on reading."""
        xlsx_of(path, "<row><c><v>1</v></c><c><v>0.123456789</v></c></row>" * 3_000_000)
        code = (
            "import sys; from pathlib import Path; from shared.formats.workbook import *\n"
            "read_workbook(Path(sys.argv[1]), sheet=None, limits=WorkbookLimits())"
        )
        with subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=Path(__file__).parents[2]) as parent:
            child = _eventually(lambda: next(iter(psutil.Process(parent.pid).children()), None))
            clock.sleep(1)  # it is in the midst of the sheet
            parent.kill()
        psutil.wait_procs([child], timeout=30)
        assert not child.is_running()

    def test_nothing_stays_behind(self, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither a process nor a file, also where only some rows were taken."""
        folder = tmp_path / "temporary"
        folder.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(folder))
        xlsx_of(path, "<row><c><v>1</v></c></row>" * 50_000)
        with read_workbook(path, sheet=None, limits=LIMITS) as rows:
            child = _child_of(rows)
            next(iter(rows))
            assert list(folder.iterdir())
        assert not child.is_running()
        assert not list(folder.iterdir())

    def test_it_knows_no_secrets(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The environment of the function does not reach the process that reads hostile files."""
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        xlsx_of(path, "<row><c><v>1</v></c></row>")
        with read_workbook(path, sheet=None, limits=LIMITS) as rows:
            assert "AWS_SECRET_ACCESS_KEY" not in _child_of(rows).environ()


def _child_of(rows: WorkbookRows) -> psutil.Process:
    return psutil.Process(rows._process._process.pid)  # noqa: SLF001 – a test may look


def _eventually(find: Callable[[], psutil.Process | None]) -> psutil.Process:
    for _ in range(200):
        if found := find():
            return found
        clock.sleep(0.02)
    raise AssertionError("no child")


@contextmanager
def _peak_of_children() -> Iterator[Callable[[], int]]:
    """The largest resident memory of a child that the block starts, in bytes, sampled while it runs."""
    # A suite has children of its own (the cloud, the database), which are none of the block's.
    others = set(psutil.Process().children())
    samples = [0]
    done = threading.Event()

    def sample() -> None:
        while not done.wait(0.01):
            for child in set(psutil.Process().children()) - others:
                with suppress(psutil.Error):
                    samples.append(child.memory_info().rss)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield lambda: max(samples)
    finally:
        done.set()
        thread.join()
