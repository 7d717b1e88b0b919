"""What an .xls workbook may hold: no password, no macros, no links to other files, no cells beyond the sheet.

Its stream is a run of records (MS-XLS), which are walked without being kept.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from shared.formats.compound_gate import open_workbook_streams
from shared.formats.rejection import rejected

_ROWS, _COLUMNS = 65_536, 256

_FILE_PASS, _OBJECT_PROJECT = 0x002F, 0x00D3
_SHEET, _DIMENSIONS, _BOOK, _STRINGS, _START = 0x0085, 0x0200, 0x01AE, 0x00FC, 0x0809
_CELLS = frozenset({0x0006, 0x00BD, 0x00BE, 0x00D6, 0x00FD, 0x0201, 0x0203, 0x0204, 0x0205, 0x027E})
_SEVERAL = frozenset({0x00BD, 0x00BE})
_LOOKED_AT = _CELLS | {_FILE_PASS, _OBJECT_PROJECT, _SHEET, _DIMENSIONS, _BOOK, _STRINGS}
_MACRO_SHEETS = (1, 6)
_OWN_BOOKS = (0x0401, 0x3A01)
_NO_BOOKS = (b"\x00", b" ")
_LEAST_STRING = 3


def check_xls(file: BinaryIO, size: int) -> None:
    """Check the .xls file of `size` bytes. Raises UploadRejected."""
    try:
        for stream in open_workbook_streams(file, size):
            _check_stream(stream, size)
    except (struct.error, IndexError) as error:
        raise rejected("xls_structure_wrong") from error


def _check_stream(stream: Iterator[bytes], size: int) -> None:
    started = False
    for kind, data in _records(stream):
        if not started and kind & 0xFF != _START & 0xFF:
            raise rejected("xls_structure_wrong")
        started = True
        if kind in _CELLS:
            _check_cell(kind, data)
        elif kind in _LOOKED_AT:
            _check_record(kind, data, size)
    if not started:
        raise rejected("xls_structure_wrong")


def _records(pieces: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Kind and data of the records; only of those that are looked at is the data cut out."""
    unpack, wanted = struct.Struct("<HH").unpack_from, _LOOKED_AT
    rest = b""
    for piece in pieces:
        held = rest + piece
        at, size = 0, len(held) - 4
        while at <= size:
            kind, length = unpack(held, at)
            end = at + 4 + length
            if end > len(held):
                break
            if kind in wanted or not at:
                yield kind, held[at + 4 : end]
            at = end
        rest = held[at:]
    if rest.strip(b"\x00"):
        raise rejected("xls_structure_wrong")


def _check_cell(kind: int, data: bytes) -> None:
    column = struct.unpack_from("<H", data, len(data) - 2 if kind in _SEVERAL else 2)[0]
    if column >= _COLUMNS:
        raise rejected("workbook_sheet_too_large", sheet="Workbook", rows=_ROWS, columns=column + 1)


def _check_record(kind: int, data: bytes, size: int) -> None:
    if kind == _FILE_PASS:
        raise rejected("workbook_encrypted")
    if kind == _OBJECT_PROJECT or (kind == _SHEET and data[5] & 0xF in _MACRO_SHEETS):
        raise rejected("workbook_macros")
    if kind == _BOOK and _is_other_file(data):
        raise rejected("workbook_external_links")
    if kind == _DIMENSIONS:
        _check_dimensions(data)
    elif kind == _STRINGS and struct.unpack_from("<I", data, 4)[0] > size // _LEAST_STRING:
        raise rejected("xls_structure_wrong")


def _is_other_file(data: bytes) -> bool:
    """True for a book that formulas or DDE refer to, but for this one and the add-ins' functions."""
    length = struct.unpack_from("<H", data, 2)[0]
    return not (len(data) == 4 and length in _OWN_BOOKS) and data[5:] not in _NO_BOOKS  # noqa: PLR2004


def _check_dimensions(data: bytes) -> None:
    wide = len(data) >= 14  # noqa: PLR2004 (since Excel 97)
    _, rows, _, columns = struct.unpack_from("<IIHH" if wide else "<HHHH", data)
    if rows > _ROWS or columns > _COLUMNS:
        raise rejected("workbook_sheet_too_large", sheet="Workbook", rows=rows, columns=columns)
