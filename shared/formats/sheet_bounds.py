"""How far the cells of a sheet reach: its parser holds the whole rectangle, so two cells can fill all memory.

Cells without anything in them do not count: formats that reach to the last column are common.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from shared.formats.rejection import rejected

Parts = Iterator[bytes]

MAX_CELLS = 50_000_000

_COLUMN = re.compile(rb"r\s*+=\s*+[\"']([A-Za-z]{1,3})[0-9]")
_ROW = re.compile(rb"r\s*+=\s*+[\"'][A-Za-z]{0,3}([0-9]{1,9})")
_QUOTED = rb"((?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+')*+)>"
_ROW_OR_CELL = re.compile(rb"<(?:[\w.-]+:)?(row|c)(?=[\s/>])" + _QUOTED + rb"(?=(?P<closed>\s*(?:</|<is/>))?)")
_REFERENCE = re.compile(rb"\sr\s*=\s*[\"']([A-Za-z]{0,3})([0-9]{1,9})[\"']")
_ODS_TAG = re.compile(
    rb"<(?:table:((?:covered-)?table-cell)(?=[\s/>])"
    + _QUOTED
    + rb"(?=(</)?)|(/?)table:(table-row|table)(?=[\s/>])"
    + _QUOTED
    + rb")"
)
_ODS_REPEATED = re.compile(rb"table:number-(?:columns|rows)-repeated\s*=\s*[\"']\s*([0-9]{1,9})")
_CELLS_BEGIN, _ROW_HEADER, _CELL_KINDS = 0x91, 0x00, frozenset((*range(0x02, 0x0C), 0x3E))
_WITH_PLACE = _CELL_KINDS | {_ROW_HEADER}
_MAX_RECORD = 16 << 20


class _Area:
    """The rectangle around the cells of a sheet; rows and columns count from 1."""

    def __init__(self, part: str) -> None:
        self._part = part
        self._first_row = self._first_column = 1 << 40
        self._last_row = self._last_column = 0

    def add(self, first_row: int, last_row: int, first_column: int, last_column: int) -> None:
        """Widen it. Raises UploadRejected when it is larger than a sheet may be."""
        self._first_row, self._last_row = min(self._first_row, first_row), max(self._last_row, last_row)
        self._first_column = min(self._first_column, first_column)
        self._last_column = max(self._last_column, last_column)
        rows, columns = self._last_row - self._first_row + 1, self._last_column - self._first_column + 1
        if rows * columns > MAX_CELLS:
            raise rejected("workbook_sheet_too_large", sheet=self._part, rows=rows, columns=columns)


def may_reach_far(pieces: Parts) -> bool:
    """True when the references in an .xlsx part, of cells and of empty ones, span more than a sheet may."""
    last_row = last_column = 0
    in_cells = False
    for piece in pieces:
        in_cells = in_cells or b"sheetData" in piece
        if in_cells:
            last_row = max(last_row, *map(int, {*_ROW.findall(piece), b"0"}))
            last_column = max(last_column, *map(column_number, {*_COLUMN.findall(piece), b""}))
    return last_row * last_column > MAX_CELLS


def check_cells(pieces: Parts, part: str) -> None:
    """The same in truth, for what is written in a cell alone: slower. Raises UploadRejected."""
    area = _Area(part)
    row = column = 0
    for piece in pieces:
        for tag in _ROW_OR_CELL.finditer(piece):
            reference = _REFERENCE.search(tag[2])
            if tag[1] == b"row":
                row, column = int(reference[2]) if reference else row + 1, 0
                continue
            at_row, column = (int(reference[2]), column_number(reference[1])) if reference else (row, column + 1)
            if not tag[2].endswith(b"/") and not tag["closed"]:
                area.add(at_row, at_row, column, column)


def column_number(letters: bytes) -> int:
    """The number of a column by its letters, from 1; 0 for none."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def check_ods_cells(pieces: Parts, part: str) -> None:
    """The same for an .ods file, where one tag may stand for many equal cells or rows. Raises UploadRejected."""
    area = _Area(part)
    row, repeated, column, first, last = 0, 1, 0, 0, 0
    for piece in pieces:
        for cell, in_cell, empty, closing, kind, attributes in _ODS_TAG.findall(piece):
            if cell:
                count = _repeated(in_cell) if b"-repeated" in in_cell else 1
                if b"value" in in_cell or not (empty or in_cell.endswith(b"/")):
                    first, last = first or column + 1, column + count
                column += count
            elif kind == b"table":
                area, row = _Area(part), 0
            elif closing or attributes.endswith(b"/"):
                repeated = repeated if closing else _repeated(attributes)
                if last:
                    area.add(row + 1, row + repeated, first, last)
                row, repeated, column, first, last = row + repeated, 1, 0, 0, 0
            else:
                repeated, column, first, last = _repeated(attributes), 0, 0, 0


def _repeated(attributes: bytes) -> int:
    found = _ODS_REPEATED.search(attributes)
    return int(found[1]) if found else 1


def check_xlsb_cells(pieces: Parts, part: str) -> None:
    """The same for a binary part, a run of records (MS-XLSB), from where cells begin in it. Raises UploadRejected.

    A part without any may be something else, such as settings of a printer.
    """
    rows = _XlsbRows(part)
    rest = b""
    for piece in pieces:
        held = rest + piece
        rest = held[rows.read(held) :]
        if len(rest) > _MAX_RECORD:
            raise rejected("workbook_unreadable")
    if rest and rows.in_cells:
        raise rejected("workbook_unreadable")


class _XlsbRows:
    """Walks the records of a binary sheet, row by row."""

    def __init__(self, part: str) -> None:
        self.in_cells = False
        self._area = _Area(part)
        self._row = 1
        self._first, self._last = 1 << 40, 0

    def read(self, held: bytes) -> int:
        """Go through the whole records in `held`; returns where the first one begins that is not whole."""
        at, size = 0, len(held)
        column_of = struct.Struct("<I").unpack_from
        first, last = self._first, self._last
        while True:
            kind, data, end = _record(held, at, size)
            if end > size:
                break
            if kind == _CELLS_BEGIN:
                self.in_cells = True
            elif self.in_cells and kind in _WITH_PLACE:
                if end - data < 4:  # noqa: PLR2004
                    raise rejected("workbook_unreadable")
                place = column_of(held, data)[0] + 1
                if kind != _ROW_HEADER:
                    first, last = min(first, place), max(last, place)
                else:
                    if last:
                        self._area.add(self._row, self._row, first, last)
                    self._row, first, last = place, 1 << 40, 0
            at = end
        if last:
            self._area.add(self._row, self._row, first, last)
        self._first, self._last = first, last
        return at


def _record(held: bytes, at: int, size: int) -> tuple[int, int, int]:
    """Kind of the record at `at`, where its data begin, and where they end: beyond `size` when it is not whole."""
    if at + 5 < size:
        kind, length = held[at], held[at + 1]
        if kind < 0x80 and length < 0x80:  # noqa: PLR2004 (by far the most)
            return kind, at + 2, at + 2 + length
    head = held[at : at + 6]
    try:
        kind, used = head[0], 1
        if kind & 0x80:
            kind, used = kind & 0x7F | (head[1] & 0x7F) << 7, 2
        length = shift = 0
        for byte in head[used : used + 4]:
            used += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80 or shift == 28:  # noqa: PLR2004
                return kind, at + used, at + used + length
    except IndexError:
        pass
    return 0, at, size + 1
