"""Rows of text → a workbook (xlsx) in which every cell stays the text that it was.

openpyxl makes the package; the rows are written here, because a cell takes openpyxl thirty times as long and a person
waits for them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter

MOST_COLUMNS = 16_384
MOST_CHARACTERS = 32_767
"""What Excel has room for in a cell, counted in UTF-16 code units."""

_SHEET = "xl/worksheets/sheet1.xml"
_NO_ROWS = re.compile(rb"<sheetData\s*/>|<sheetData>\s*</sheetData>")
_TEXT_FORMAT = "@"
_WIDTH = 16
_ROWS_AT_ONCE = 500
_MOST_TITLE = 31
_NO_TITLE = re.compile(r"[\\*?:/\[\]]")

_SPECIAL = re.compile("[&<>\x00-\x08\x0b-\x1f]|_x")
_NO_CHARACTER = re.compile("[\ufffe\uffff]")
_LITERAL = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_WRITTEN = {
    **{code: f"_x{code:04X}_" for code in range(0x20) if chr(code) not in "\t\n"},
    **str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"}),
}
"""XML has no place for control characters; a workbook writes them as `_x0001_` (ECMA-376, ST_Xstring)."""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """The texts of a row; the cells at the positions `marked` stand out."""

    cells: Sequence[str]
    marked: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet's name, the widths of its first columns in characters, a notice above the header, and the header."""

    title: str
    widths: Sequence[int]
    notice: str | None
    header: Sequence[str]


def fits_cell(text: str) -> bool:
    """Whether a cell can hold the text whole: it is not too long, and has none of the two characters without a way."""
    if 2 * len(text) > MOST_CHARACTERS and _units(text) > MOST_CHARACTERS:
        return False
    return not _NO_CHARACTER.search(text)


def cell_start(text: str, end: str = "") -> str:
    """As much of a text from its start as fits a cell with `end` behind it."""
    length = 2 * (MOST_CHARACTERS - _units(end))
    start = text.encode("utf-16-le", "surrogatepass")[:length].decode("utf-16-le", "ignore")
    return _NO_CHARACTER.sub("\ufffd", start) + end


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def write_workbook(target: IO[bytes], sheet: Sheet, rows: Iterable[SheetRow]) -> None:
    """Write a workbook of one sheet, with its header frozen; memory does not grow with the rows.

    Rows have at most MOST_COLUMNS cells, and each text `fits_cell`.
    """
    frame, styles = _frame(sheet)
    with ZipFile(frame) as empty, ZipFile(target, "w", ZIP_DEFLATED) as package:
        for name in empty.namelist():
            data = empty.read(name)
            if name != _SHEET:
                package.writestr(name, data)
                continue
            before, after = _NO_ROWS.split(data, maxsplit=1)
            with package.open(name, "w", force_zip64=True) as part:
                part.write(before + b"<sheetData>")
                for text in _written(sheet, rows, styles):
                    part.write(text.encode())
                part.write(b"</sheetData>" + after)


@dataclass(frozen=True, slots=True)
class _Styles:
    """The numbers of the styles in the package."""

    text: int
    marked: int
    header: int
    notice: int


def _frame(sheet: Sheet) -> tuple[io.BytesIO, _Styles]:
    """The package with all but the rows."""
    workbook = Workbook(write_only=True)
    worksheet = workbook.create_sheet(_title(sheet.title))
    worksheet.freeze_panes = "A3" if sheet.notice else "A2"
    worksheet.sheet_format.defaultColWidth = _WIDTH
    for position, width in enumerate(sheet.widths, start=1):
        worksheet.column_dimensions[get_column_letter(position)].width = width

    def style(*, bold: bool = False, color: str | None = None, fill: str | None = None) -> int:
        cell = WriteOnlyCell(worksheet)
        cell.number_format = _TEXT_FORMAT
        cell.font = Font(name="Calibri", size=11, bold=bold, color=color)
        cell.fill = PatternFill("solid", fgColor=fill) if fill else PatternFill()
        return int(cell.style_id)

    styles = _Styles(
        text=style(),
        marked=style(fill="FFF2A8"),
        header=style(bold=True, fill="E3E8EF"),
        notice=style(bold=True, color="B00020"),
    )
    package = io.BytesIO()
    workbook.save(package)
    return package, styles


def _title(name: str) -> str:
    """The name as far as Excel takes it for a sheet."""
    plain = "".join(filter(str.isprintable, _NO_TITLE.sub(" ", name)))
    return plain[:_MOST_TITLE].strip(" '") or "Sheet"


def _written(sheet: Sheet, rows: Iterable[SheetRow], styles: _Styles) -> Iterator[str]:
    """The rows as XML, many at once."""
    names = _ColumnNames()
    above = [(SheetRow([sheet.notice]), styles.notice)] if sheet.notice else []
    above.append((SheetRow(sheet.header), styles.header))
    held = [_row(number, row, names, (style, style)) for number, (row, style) in enumerate(above, start=1)]
    for number, row in enumerate(rows, start=len(above) + 1):
        held.append(_row(number, row, names, (styles.text, styles.marked)))
        if len(held) == _ROWS_AT_ONCE:
            yield "".join(held)
            held.clear()
    yield "".join(held)


class _ColumnNames(dict[int, str]):
    """A, B, … by position."""

    def __missing__(self, position: int) -> str:
        return self.setdefault(position, get_column_letter(position + 1))


def _row(number: int, row: SheetRow, names: _ColumnNames, styles: tuple[int, int]) -> str:
    plain, marked = styles
    cells = []
    for position, text in enumerate(row.cells):
        style = marked if position in row.marked else plain
        if text:
            space = "" if text == text.strip() else ' xml:space="preserve"'
            written = _escaped(text) if _SPECIAL.search(text) else text
            cells.append(
                f'<c r="{names[position]}{number}" s="{style}" t="inlineStr"><is><t{space}>{written}</t></is></c>'
            )
        else:
            cells.append(f'<c r="{names[position]}{number}" s="{style}"/>')
    return f'<row r="{number}">{"".join(cells)}</row>'


def _escaped(text: str) -> str:
    return _LITERAL.sub("_x005F_", text).translate(_WRITTEN)
