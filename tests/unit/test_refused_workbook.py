"""The workbook of refused rows: texts stay what they were, and what a workbook cannot say is marked."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, cast

import openpyxl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl.worksheet.worksheet import Worksheet

from shared.domain.problems import Problem, row_problem
from shared.domain.refused import CUT_END, MISSING_CELL, RefusedRow, unguard_formula, unmended
from shared.domain.upload import PlanSummary, Totals, Upload
from shared.errors import RequestRefused
from shared.formats.refused_sheet import MOST_CHARACTERS, Sheet, SheetRow, write_workbook
from shared.formats.workbook import WorkbookLimits, read_workbook
from shared.services import refused_workbook
from shared.services.ports import Objects
from shared.services.refused_workbook import keep_workbook
from tests.unit.test_read_status import Stored, a_store, an_upload

HEADER = ["timestamp", "machineName", "goodParts", "note"]
COLUMNS = {"timestamp": "timestamp", "machineName": "machineName", "goodParts": "goodParts"}
OURS = ["linefeed:row", "linefeed:codes", "linefeed:reasons"]


class Kept(Stored):
    """The port `Objects` as far as it is read and written."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        super().__init__(objects)
        self.kept = objects

    def open_write(self, key: str, content_type: str) -> Any:
        """Into the dictionary."""
        assert content_type == refused_workbook.WORKBOOK_TYPE
        kept = self.kept

        class Out(io.BytesIO):
            def close(self) -> None:
                kept[key] = self.getvalue()
                super().close()

        return Out()


def upload_of(header: Sequence[str] = HEADER, refused: int = 1) -> Upload:
    plan = PlanSummary(
        records=9, chunks=1, header=list(header), columns=COLUMNS, unmapped_columns=["note"], decisions=[]
    )
    return an_upload().model_copy(update={"plan": plan, "totals": Totals(records=9, refused=refused)})


def row(number: int, *cells: str, field: str | None = "goodParts") -> RefusedRow:
    problem = Problem(field, None, "required", "A value is required here")
    return RefusedRow(row=number, cells=list(cells), errors=[problem])


def workbook_of(upload: Upload, *rows: RefusedRow) -> Worksheet:
    objects = Kept(a_store(list(rows)))
    key = keep_workbook(upload, cast("Objects", objects))
    assert key == "reports/tenant/upload/refused-rows.xlsx"
    sheet = openpyxl.load_workbook(io.BytesIO(objects.kept[key])).active
    assert isinstance(sheet, Worksheet)
    return sheet


def texts(sheet: Worksheet) -> list[list[Any]]:
    return [[cell.value for cell in cells] for cells in sheet.iter_rows()]


def test_it_has_the_columns_of_the_csv_and_marks_what_is_wrong() -> None:
    """Row, codes and reasons in front, the header frozen, the cell of the problem filled."""
    sheet = workbook_of(upload_of(), row(7, "t", "Press 1", "x", "000123"))
    assert texts(sheet) == [
        [*OURS, *HEADER],
        ["7", "required", "A value is required here", "t", "Press 1", "x", "000123"],
    ]
    assert sheet.freeze_panes == "A2"
    filled = [cell.coordinate for cell in sheet[2] if cell.fill.fill_type]
    assert filled == ["F2"]


def test_every_cell_is_text() -> None:
    """No formula runs, zeros in front stay, and what is typed over a cell is text as well."""
    sheet = workbook_of(upload_of(), row(7, "=1+1", "0042", "1e5", "#DIV/0!"))
    assert [cell.value for cell in sheet[2]][3:] == ["'=1+1", "0042", "1e5", "#DIV/0!"]
    assert {(cell.data_type, cell.number_format) for line in sheet.iter_rows() for cell in line} == {("s", "@")}


def test_a_missing_value_is_marked_where_it_belongs() -> None:
    """Also in a cell that is empty."""
    sheet = workbook_of(upload_of(), row(7, "t", "Press 1", "", ""))
    assert sheet["F2"].fill.fill_type == "solid"
    assert sheet["F2"].value is None


def test_a_cell_that_is_too_long_is_cut_and_says_so_and_keeps_its_row_out() -> None:
    """The reason names the CSV; a row that comes back with the mark is refused, and one without is not."""
    sheet = workbook_of(upload_of(), row(7, "t", "Press 1", "x", "😀" * 20_000), row(8, "t", "m", "1", "b" * 32_767))
    cells = [str(cell.value) for cell in sheet[2]]
    assert len(cells[6].encode("utf-16-le")) // 2 <= MOST_CHARACTERS
    assert cells[6].endswith(CUT_END)
    assert cells[1] == "required cell_cut"
    assert "CSV" in cells[2]
    assert sheet["G2"].fill.fill_type == "solid"
    problem = unmended(cells, {6: "note"})
    assert problem is not None
    assert (problem.field, problem.code) == ("note", "cell_cut")
    whole = [str(cell.value) for cell in sheet[3]]
    assert whole[6] == "b" * 32_767
    assert unmended(whole, {}) is None


def test_a_character_that_no_workbook_has_is_told_like_a_cut() -> None:
    """U+FFFF is in no XML, however it is written."""
    sheet = workbook_of(upload_of(), row(7, "t", "Press\uffff1", "x", ""))
    assert sheet["E2"].value == f"Press\ufffd1{CUT_END}"


def test_a_row_with_too_few_cells_is_not_filled_up_in_silence() -> None:
    """The first missing cell says that it is missing; a row that comes back so is refused."""
    sheet = workbook_of(upload_of(), row(7, "t", "Press 1", field=None), row(8, '2026,"open', field=None))
    assert [cell.value for cell in sheet[2]][3:] == ["t", "Press 1", MISSING_CELL, None]
    assert [cell.value for cell in sheet[3]][3:] == ['2026,"open', MISSING_CELL, None, None]
    problem = unmended([str(cell.value) for cell in sheet[2]], {5: "goodParts"})
    assert problem is not None
    assert (problem.field, problem.code) == ("goodParts", "cell_missing")


def test_cells_that_are_too_many_are_all_there_and_marked() -> None:
    """To the right of the last column, under no name."""
    sheet = workbook_of(upload_of(), row(7, "t", "Press 1", "97", "5", "3", "y", field=None))
    assert [cell.value for cell in sheet[1]][6:] == ["note", None, None]
    assert [cell.value for cell in sheet[2]][3:] == ["t", "Press 1", "97", "5", "3", "y"]
    assert [cell.coordinate for cell in sheet[2] if cell.fill.fill_type] == ["H2", "I2"]


def test_a_row_wider_than_a_workbook_is_cut_and_says_so() -> None:
    """Its last cell has the mark, so it cannot come back as if it were whole."""
    sheet = workbook_of(upload_of(), row(7, *["x"] * 20_000, field=None))
    assert sheet.max_column == 16_384
    assert str(sheet.cell(2, 16_384).value).endswith(CUT_END)


def test_a_file_wider_than_a_workbook_is_refused_as_one() -> None:
    """The CSV has it."""
    with pytest.raises(RequestRefused) as caught:
        workbook_of(upload_of([f"c{n}" for n in range(16_382)]), row(7, "x"))
    assert (caught.value.status, caught.value.code) == (422, "too_many_columns")


def test_more_rows_than_fit_are_told_above_the_header(monkeypatch: pytest.MonkeyPatch) -> None:
    """With how many there are and where all of them are; whoever reads the sheet still finds the header."""
    monkeypatch.setattr(refused_workbook, "MOST_ROWS", 2)
    sheet = workbook_of(upload_of(refused=3), *[row(n, "t", "m", "x", "") for n in (2, 3, 4)])
    assert sheet["A1"].value == (
        "Only the first 2 of 3 refused rows are in this workbook; the CSV of the refused rows (format=csv) has all "
        "of them."
    )
    assert [cell.value for cell in sheet[2]] == [*OURS, *HEADER]
    assert [line[0] for line in texts(sheet)[2:]] == ["2", "3"]
    assert sheet.freeze_panes == "A3"


@pytest.mark.parametrize(("bound", "value"), [("_MOST_CELLS", 9), ("_MOST_BYTES", 200)])
def test_wide_and_long_rows_count_for_more(monkeypatch: pytest.MonkeyPatch, bound: str, value: int) -> None:
    """The bounds are those of the time that there is; the first row is there in any case."""
    monkeypatch.setattr(refused_workbook, bound, value)
    rows = [row(n, "t", "m", "x", "") for n in (2, 3, 4)]
    assert len(texts(workbook_of(upload_of(refused=3), *rows))) < 5
    assert len(texts(workbook_of(upload_of(refused=1), row(2, *["x"] * 300)))) == 3 - 1


def test_it_is_made_once() -> None:
    """A second request finds it."""
    objects = Kept(a_store([row(7, "t", "Press 1", "x", "")]))
    key = keep_workbook(upload_of(), cast("Objects", objects))
    objects.kept[key] = b"kept"
    assert keep_workbook(upload_of(), cast("Objects", objects)) == key
    assert objects.kept[key] == b"kept"


@pytest.mark.parametrize(
    ("named", "title"),
    [("Shift 1", "Shift 1"), ("a/b\x01\n", "a b"), ("x" * 90, "x" * 31), ("''", "Sheet"), (None, "Refused rows")],
)
def test_a_sheet_that_the_caller_named_is_found_again(named: str | None, title: str) -> None:
    """The fixed workbook can be sent with the options of the first one, and no name makes a broken one."""
    options = an_upload().options.model_copy(update={"sheet": named})
    upload = upload_of().model_copy(update={"options": options})
    assert workbook_of(upload, row(7, "t", "m", "x", "")).title == title


@settings(max_examples=60)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=20),
        min_size=1,
        max_size=8,
    )
)
@example(["a\x00b", "\r\n", " x ", "_x0041_", "_x005F_x0041_", "a\x0b", "<&>]]>", "_x", "\n", "\t"])
def test_any_text_is_read_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, cells: list[str]) -> None:
    """Control characters too, for which XML has no place."""
    path = tmp_path_factory.mktemp("workbook") / "w.xlsx"
    sheet = Sheet(title="T", widths=[9], notice=None, header=["timestamp", *map(str, range(len(cells)))])
    with path.open("wb") as file:
        write_workbook(file, sheet, [SheetRow(["first", *cells])])
    with read_workbook(path, sheet=None, limits=WorkbookLimits()) as workbook:
        _, record = next(iter(workbook)).records()
    assert record.cells == ["first", *cells]


def test_guards_are_taken_away_where_rows_come_back() -> None:
    """The cells are those of the CSV, guarded alike."""
    sheet = workbook_of(upload_of(), row(7, "=A1", "+1", "-x", "'=B"))
    assert [unguard_formula(str(cell.value)) for cell in sheet[2]][3:] == ["=A1", "+1", "-x", "'=B"]


def test_a_problem_of_an_attribute_is_marked_by_its_own_name() -> None:
    """A NUL may stand in any column."""
    nul = RefusedRow(row=2, cells=["t", "m", "1", "a\x00"], errors=[row_problem("text_has_nul", field="note")])
    assert workbook_of(upload_of(), nul)["G2"].fill.fill_type == "solid"
