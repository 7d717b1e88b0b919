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
_ROW_OR_CELL = re.compile(rb"<(?:[\w.-]+:)?(row|c)(?=[\s/>])" + _QUOTED + rb"(?P<closed>\s*(?:</|<is/>))?")
_REFERENCE = re.compile(rb"\sr\s*=\s*[\"']([A-Za-z]{0,3})([0-9]{1,9})[\"']")
_ODS_TAG = re.compile(rb"<(/?)table:(table-row|table-cell|covered-table-cell|table)(?=[\s/>])" + _QUOTED + rb"(</)?")
_ODS_REPEATED = re.compile(rb"table:number-(?:columns|rows)-repeated\s*=\s*[\"']\s*([0-9]{1,9})")
_SHEET_START = b"\x81\x01"
_ROW_HEADER, _CELL_KINDS = 0x00, frozenset((*range(0x02, 0x0C), 0x3E))
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
        for tag in _ODS_TAG.finditer(piece):
            closing, kind, attributes, closed = tag[1], tag[2], tag[3], tag[4]
            if kind.endswith(b"cell"):
                if not closing:
                    count = _repeated(attributes)
                    if b"value" in attributes or not (closed or attributes.endswith(b"/")):
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
    if b"-repeated" not in attributes:
        return 1
    found = _ODS_REPEATED.search(attributes)
    return int(found[1]) if found else 1


def check_xlsb_cells(pieces: Parts, part: str) -> None:
    """The same for a binary sheet, a run of records (MS-XLSB); another part passes. Raises UploadRejected."""
    area = _Area(part)
    rest = b""
    row, known = 0, False
    for piece in pieces:
        held = rest + piece
        known = known or held.startswith(_SHEET_START)
        if not known:
            continue
        at = 0
        for kind, data, end in _records(held):
            if kind == _ROW_HEADER:
                row = struct.unpack_from("<I", held, data)[0] + 1
            elif kind in _CELL_KINDS:
                column = struct.unpack_from("<I", held, data)[0] + 1
                area.add(row, row, column, column)
            at = end
        rest = held[at:]
        if len(rest) > _MAX_RECORD:
            raise rejected("workbook_unreadable")
    if rest:
        raise rejected("workbook_unreadable")


def _records(held: bytes) -> Iterator[tuple[int, int, int]]:
    """The whole records in `held`: kind, where their data begins, where it ends."""
    at, size = 0, len(held)
    while at + 2 <= size:
        kind, data = held[at], at + 1
        if kind & 0x80:
            kind, data = kind & 0x7F | (held[data] & 0x7F) << 7, data + 1
        length = shift = 0
        while data < size:
            byte = held[data]
            data += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80 or shift == 28:  # noqa: PLR2004
                break
        else:
            return
        if data + length > size:
            return
        if kind in _WITH_PLACE and length < 4:  # noqa: PLR2004
            raise rejected("workbook_unreadable")
        yield kind, data, data + length
        at = data + length
