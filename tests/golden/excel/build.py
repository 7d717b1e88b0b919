"""Write the golden workbooks anew: `python -m tests.golden.excel.build`. README.md says what is in them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path

import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.style import Style, TableProperties
from odf.table import CoveredTableCell, Table, TableCell, TableRow
from odf.text import P
from openpyxl import Workbook
from openpyxl.cell import Cell as XlsxCell

from tests.workbooks import SHEET1, Cell, ErrorCode, patch_zip, write_xlsb

FOLDER = Path(__file__).parent
DIVISION = ErrorCode(0x07)
HEADER = ("timestamp", "machineName", "partNumber", "goodParts", "availability", "downtime", "start", "checked", "rate")
TABLE: tuple[tuple[Cell, ...], ...] = (
    HEADER,
    (datetime(2026, 3, 1, 14, 30, 15), "Presse 01", "004711", 120, 0.85, timedelta(hours=26.5), time(6, 30), True, 1.5),  # noqa: DTZ001
    (None,) * 9,
    (date(2026, 3, 2), "Müller & Söhne", "4711", 119.25, 0.9, timedelta(minutes=5), time(14, 0), False, DIVISION),
)
"""It stands at B3 on the sheet `Data`, under a merged title; the last cell of its second row is a formula."""

_XLSX_FORMATS = {datetime: "yyyy-mm-dd hh:mm:ss", date: "yyyy-mm-dd", timedelta: "[h]:mm", time: "hh:mm"}


def build_xlsx(path: Path) -> None:
    """With cached values of formulas and an error, which openpyxl cannot write."""
    workbook = Workbook()
    data = workbook.worksheets[0]
    data.title = "Data"
    data["B1"] = "Schichtbericht"
    data.merge_cells("B1:J1")
    for row, cells in enumerate(TABLE, 3):
        for column, value in enumerate(cells, 2):
            cell = data.cell(row, column)
            assert isinstance(cell, XlsxCell)
            cell.value = None if isinstance(value, ErrorCode) else value
            cell.number_format = _XLSX_FORMATS.get(type(value), "0%" if column == 6 else "General")
    data["J4"], data["J6"] = "=3/2", "=1/0"
    workbook.create_sheet("Notes")["A1"] = "Nothing to import here"
    old = workbook.create_sheet("Old")
    old.sheet_state = "hidden"
    for row in range(10):
        old.append(HEADER if not row else ["old"] * 9)
    workbook.save(path)

    def cached(sheet: bytes) -> bytes:
        sheet = sheet.replace(b"<f>3/2</f><v />", b"<f>3/2</f><v>1.5</v>").replace(
            b"<f>3/2</f><v></v>", b"<f>3/2</f><v>1.5</v>"
        )
        for empty in (b"<v />", b"<v></v>", b"<v/>"):
            sheet = sheet.replace(b'<c r="J6"><f>1/0</f>' + empty, b'<c r="J6" t="e"><f>1/0</f><v>#DIV/0!</v>')
        return sheet

    patch_zip(path, SHEET1, cached)


def build_xls(path: Path) -> None:
    """Without formulas: xlwt writes them without values."""
    workbook = xlwt.Workbook()
    data = workbook.add_sheet("Data")
    data.write_merge(0, 0, 1, 9, "Schichtbericht")
    for row, cells in enumerate(TABLE, 2):
        for column, value in enumerate(cells, 1):
            if isinstance(value, ErrorCode):
                data.row(row).set_cell_error(column, int(value))
            elif value is not None:
                style = _XLSX_FORMATS.get(type(value), "0%" if column == 5 else "General")
                plain = value / timedelta(days=1) if isinstance(value, timedelta) else value
                data.write(row, column, plain, xlwt.easyxf(num_format_str=style))
    workbook.add_sheet("Notes").write(0, 0, "Nothing to import here")
    old = workbook.add_sheet("Old")
    old.visibility = 1
    for row in range(10):
        for column, name in enumerate(HEADER):
            old.write(row, column, "old" if row else name)
    workbook.save(str(path))


def build_xlsb(path: Path) -> None:
    """Assembled by tests/workbooks.py."""
    table: dict[tuple[int, int], Cell] = {
        (row, column): cell for row, cells in enumerate(TABLE, 2) for column, cell in enumerate(cells, 1)
    }
    old: dict[tuple[int, int], Cell] = {
        (row, column): "old" if row else name for row in range(10) for column, name in enumerate(HEADER)
    }
    sheets: dict[str, dict[tuple[int, int], Cell]] = {
        "Data": {(0, 1): "Schichtbericht", **table},
        "Notes": {(0, 0): "Nothing to import here"},
        "Old": old,
    }
    write_xlsb(path, sheets, hidden=["Old"])


def build_ods(path: Path) -> None:
    """As LibreOffice writes it: rows and cells repeated, an error's text shown by a cell with an empty value."""
    document = OpenDocumentSpreadsheet()
    hidden = Style(name="hidden", family="table")
    hidden.addElement(TableProperties(display="false"))
    document.automaticstyles.addElement(hidden)
    data = Table(name="Data")
    title = TableRow()
    title.addElement(TableCell())
    title.addElement(_ods_cell("Schichtbericht", numbercolumnsspanned=9))
    title.addElement(CoveredTableCell(numbercolumnsrepeated=8))
    data.addElement(title)
    data.addElement(_ods_row([None] * 10))
    for cells in TABLE:
        data.addElement(_ods_row([None, *cells]))
    document.spreadsheet.addElement(data)
    for name, style in (("Notes", None), ("Old", hidden)):
        table = Table(name=name, stylename=style) if style else Table(name=name)
        for row in range(10 if style else 1):
            table.addElement(_ods_row(["old"] * 9 if row else HEADER if style else ["Nothing to import here"]))
        document.spreadsheet.addElement(table)
    document.save(str(path))


def _ods_row(cells: list[Cell] | tuple[Cell, ...]) -> TableRow:
    row = TableRow()
    if all(cell is None for cell in cells):
        row.addElement(TableCell(numbercolumnsrepeated=len(cells)))
        return row
    for cell in cells:
        row.addElement(_ods_cell(cell))
    return row


def _ods_cell(value: Cell, **attributes: object) -> TableCell:
    match value:
        case None:
            return TableCell()
        case ErrorCode():
            kind, shown = {"valuetype": "string", "stringvalue": "", "formula": "of:=1/0"}, "#DIV/0!"
        case bool():
            kind, shown = {"valuetype": "boolean", "booleanvalue": str(value).lower()}, str(value)
        case str():
            kind, shown = {"valuetype": "string"}, value
        case date():
            kind, shown = {"valuetype": "date", "datevalue": value.isoformat()}, str(value)
        case time():
            kind, shown = {"valuetype": "time", "timevalue": value.strftime("PT%HH%MM%SS")}, str(value)
        case timedelta():
            minutes = int(value / timedelta(minutes=1))
            kind, shown = {"valuetype": "time", "timevalue": f"PT{minutes // 60:02}H{minutes % 60:02}M00S"}, str(value)
        case _:
            kind, shown = {"valuetype": "float", "value": str(value)}, str(value)
    cell = TableCell(**kind, **attributes)
    cell.addElement(P(text=shown))
    return cell


if __name__ == "__main__":
    build_xlsx(FOLDER / "typed.xlsx")
    build_xls(FOLDER / "typed.xls")
    build_xlsb(FOLDER / "typed.xlsb")
    build_ods(FOLDER / "typed.ods")
