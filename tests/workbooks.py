"""Workbooks for tests: what the writers of each format cannot write (cached values, errors) is patched in.

No Python package writes .xlsb, so it is assembled here, record by record (MS-XLSB).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

SHEET1 = "xl/worksheets/sheet1.xml"
EXCEL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 – cells have no zone


def patch_zip(path: Path, member: str, change: Callable[[bytes], bytes]) -> Path:
    """Rewrite one member of the archive at `path`."""
    with ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[member] = change(members[member])
    return write_zip(path, members)


def write_zip(path: Path, members: Mapping[str, bytes]) -> Path:
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def xlsx_of(path: Path, sheet_data: str, *, dimension: str = "A1") -> Path:
    """An .xlsx whose only sheet holds this XML of rows."""
    sheet = f'<worksheet xmlns="{_MAIN}"><dimension ref="{dimension}"/><sheetData>{sheet_data}</sheetData></worksheet>'
    return write_zip(path, {**_XLSX_PARTS, SHEET1: sheet.encode()})


_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'


def _relations(**targets: tuple[str, str]) -> bytes:
    entries = "".join(
        f'<Relationship Id="{key}" Type="{_RELATION}/{kind}" Target="{target}"/>'
        for key, (kind, target) in targets.items()
    )
    return f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{entries}</Relationships>'.encode()


_XLSX_PARTS = {
    "[Content_Types].xml": f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types"/>'.encode(),
    "_rels/.rels": _relations(rId1=("officeDocument", "xl/workbook.xml")),
    "xl/_rels/workbook.xml.rels": _relations(rId1=("worksheet", "worksheets/sheet1.xml")),
    "xl/workbook.xml": (
        f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_RELATION}"><sheets>'
        '<sheet name="Data" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ).encode(),
}

Cell = str | float | bool | datetime | date | time | timedelta | None


class ErrorCode(int):
    """An error cell, by its code in the binary formats."""


_GENERAL, _DATE, _DATETIME, _TIME, _DURATION, _PERCENT = range(6)
_FORMATS = {_DATE: "yyyy-mm-dd", _DATETIME: "yyyy-mm-dd hh:mm:ss", _TIME: "hh:mm", _DURATION: "[h]:mm", _PERCENT: "0%"}


def write_xlsb(path: Path, sheets: Mapping[str, Mapping[tuple[int, int], Cell]], *, hidden: Sequence[str] = ()) -> Path:
    """An .xlsb of sheets, each with cells by (row, column), counted from 0."""
    relations = {f"rId{number}": ("worksheet", f"worksheets/sheet{number}.bin") for number in range(1, len(sheets) + 1)}
    members = {
        "[Content_Types].xml": f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types"/>'.encode(),
        "_rels/.rels": _relations(rId1=("officeDocument", "xl/workbook.bin")),
        "xl/_rels/workbook.bin.rels": _relations(**relations, styles=("styles", "styles.bin")),
        "xl/workbook.bin": _workbook_part(list(sheets), hidden),
        "xl/styles.bin": _styles_part(),
    }
    for number, cells in enumerate(sheets.values(), 1):
        members[f"xl/worksheets/sheet{number}.bin"] = _sheet_part(cells)
    return write_zip(path, members)


def _record(kind: int, data: bytes = b"") -> bytes:
    head = bytes((kind,)) if kind < 0x80 else bytes((kind & 0x7F | 0x80, kind >> 7))
    length = len(data)
    while length >= 0x80:
        head += bytes((length & 0x7F | 0x80,))
        length >>= 7
    return head + bytes((length,)) + data


def _wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def _workbook_part(names: Sequence[str], hidden: Sequence[str]) -> bytes:
    bundles = b"".join(
        _record(0x9C, struct.pack("<II", name in hidden, number) + _wide(f"rId{number}") + _wide(name))
        for number, name in enumerate(names, 1)
    )
    return (
        _record(0x83)  # BrtBeginBook
        + _record(0x99, struct.pack("<II", 0, 0) + _wide(""))  # BrtWbProp
        + _record(0x8F)  # BrtBeginBundleShs
        + bundles
        + _record(0x90)
        + _record(0x84)  # BrtEndBook
    )


def _styles_part() -> bytes:
    formats = b"".join(_record(0x2C, struct.pack("<H", 164 + style) + _wide(text)) for style, text in _FORMATS.items())
    styles = b"".join(
        _record(0x2F, struct.pack("<HHHHH", 0, 164 + style if style else 0, 0, 0, 0) + bytes(6)) for style in range(6)
    )
    return (
        _record(0x116)  # BrtBeginStyleSheet
        + _record(0x267, struct.pack("<I", len(_FORMATS)))  # BrtBeginFmts
        + formats
        + _record(0x268)
        + _record(0x269, struct.pack("<I", 6))  # BrtBeginCellXFs
        + styles
        + _record(0x26A)
        + _record(0x117)
    )


def _sheet_part(cells: Mapping[tuple[int, int], Cell]) -> bytes:
    rows = sorted({row for row, _ in cells})
    area = (rows[0], rows[-1], min(column for _, column in cells), max(column for _, column in cells))
    parts = [
        _record(0x81),
        _record(0x93, bytes(19) + _wide("")),
        _record(0x94, struct.pack("<4I", *area)),
        _record(0x91),
    ]
    for row, places in groupby(sorted(cells), key=itemgetter(0)):
        parts.append(
            _record(0x00, struct.pack("<II", row, 0) + bytes(9) + struct.pack("<III", 1, area[2], area[3])[:8])
        )
        parts += [_cell(place[1], cells[place]) for place in places]
    parts += [_record(0x92), _record(0x82)]
    return b"".join(parts)


def _cell(column: int, value: Cell) -> bytes:  # noqa: C901, PLR0911 (a case for each type)
    def cell(kind: int, style: int, data: bytes) -> bytes:
        return _record(kind, struct.pack("<II", column, style) + data)

    match value:
        case None:
            return cell(0x01, 0, b"")
        case bool():
            return cell(0x04, 0, bytes((value,)))
        case ErrorCode():
            return cell(0x03, 0, bytes((value,)))
        case str():
            return cell(0x06, 0, _wide(value))
        case datetime():
            return cell(0x05, _DATETIME, struct.pack("<d", (value - EXCEL_EPOCH) / timedelta(days=1)))
        case date():  # as Excel writes it: a whole number in the short form
            return cell(0x02, _DATE, struct.pack("<I", (value - EXCEL_EPOCH.date()).days << 2 | 2))
        case time():
            return cell(0x05, _TIME, struct.pack("<d", (value.hour * 60 + value.minute) / 1440))
        case timedelta():
            return cell(0x05, _DURATION, struct.pack("<d", value / timedelta(days=1)))
        case int():
            return cell(0x02, 0, struct.pack("<I", (value << 2 | 2) & 0xFFFFFFFF))
        case float():
            return cell(0x05, 0, struct.pack("<d", value))
