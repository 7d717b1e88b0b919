"""Cells of an .xlsb sheet that python-calamine misreads, written so that it reads them right.

A sheet is a run of records (MS-XLSB): kind and length as numbers of 7 bits to the byte, then the data. Error cells
would be read as blank, so they become texts; whole numbers in the short form would be read without their date format,
so they become long ones.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from shared.formats.workbook_xls import ERROR_TEXTS

SHEET_START = b"\x81\x01\x00"
_SHORT_NUMBER, _ERROR, _TEXT, _LONG_NUMBER, _FORMULA_ERROR = 0x02, 0x03, 0x06, 0x05, 0x0B
_WHOLE = bytes(flags for flags in range(256) if flags & 3 == 2)  # noqa: PLR2004
_RIGHT = re.compile(
    rb"(?:\x00\x19.{25}|\x07\x0c.{12}|\x05\x10.{16}|\x01\x08.{8}|\x04\x09.{9}|\x02\x0c.{8}[^"
    + re.escape(_WHOLE)
    + rb"].{3})*+",
    re.DOTALL,
)
"""Records of the commonest kinds that are left as they are."""


class BadRecords(ValueError):
    """The sheet's records run over its end."""


def corrected_sheet(data: bytes) -> Iterator[bytes]:
    """Yield the parts of the sheet `data`, corrected. Raises BadRecords."""
    at = written = 0
    while True:
        run = _RIGHT.match(data, at)
        at = run.end() if run else at
        if at >= len(data):
            break
        kind, length, start = _head(data, at)
        end = start + length
        if end > len(data):
            raise BadRecords("a record runs over the sheet's end")
        replacement = _corrected(kind, data[start:end])
        if replacement:
            yield data[written:at]
            yield replacement
            written = end
        at = end
    yield data[written:]


def _corrected(kind: int, record: bytes) -> bytes | None:
    """The record to write in place of one; None where it may stay. Its first 8 bytes are column and style."""
    if kind in (_ERROR, _FORMULA_ERROR) and len(record) > 8:  # noqa: PLR2004
        text = ERROR_TEXTS.get(record[8], f"#ERROR {record[8]}")
        return _record(_TEXT, record[:8] + struct.pack("<I", len(text)) + text.encode("utf-16-le"))
    if kind == _SHORT_NUMBER and len(record) == 12 and record[8] & 3 == 2:  # noqa: PLR2004
        return _record(_LONG_NUMBER, record[:8] + struct.pack("<d", struct.unpack_from("<i", record, 8)[0] >> 2))
    return None


def _record(kind: int, data: bytes) -> bytes:
    return bytes((kind, len(data))) + data


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """Kind, length and start of the data of the record at `at`."""
    try:
        kind = data[at]
        at += 1
        if kind & 0x80:
            kind = kind & 0x7F | (data[at] & 0x7F) << 7
            at += 1
        length = shift = 0
        while True:
            byte = data[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80 or shift == 28:  # noqa: PLR2004
                return kind, length, at
    except IndexError as error:
        raise BadRecords("the sheet ends in a record") from error
