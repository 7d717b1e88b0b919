"""A workbook that is a ZIP archive (xlsx, xlsb, ods), copied before python-calamine may read it.

The copy holds the parts with cells alone, uncompressed, and no more than the bound: so the parser meets neither a
lying archive nor a bomb. On the way, error cells (`#DIV/0!`), which it would read as blank, become texts, and so do
formulas of an xlsx or ods that nobody has calculated, and whole numbers with more digits than a double keeps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from shared.formats.workbook_xlsb import SHEET_START, corrected_sheet

_PIECE = 1 << 18
_MAX_TAG = 1 << 16
_MAX_RATIO = 200
"""A sheet deflates to a tenth, one of equal rows to a fiftieth; what goes beyond this is a bomb."""

_ALWAYS_INFLATED = 64 << 20
_ENCRYPTED = 0x1

Parts = Iterator[bytes]

_NO_CELLS = r"(?!.*\b(?:drawings|charts|media|pivotcache|externallinks|theme|customxml|printersettings)/)"
_XLSX_PART = re.compile(_NO_CELLS + r".*\.(?:xml|rels)")
_XLSB_PART = re.compile(_NO_CELLS + r".*\.(?:bin|xml|rels)")
_ODS_PART = re.compile(r"mimetype|meta-inf/manifest\.xml|content\.xml")

_CELL_OF_ERROR = re.compile(rb"(<(?:[\w.-]+:)?c(?=\s)[^<>]*?\st\s*=\s*)([\"'])e\2")
_UNCALCULATED = re.compile(
    rb"<(?P<c>(?P<ns>(?:[\w.-]+:)?)c)(?P<attributes>(?:\s[^<>]*)?)>"
    rb"(?P<formula><(?P=ns)f\b[^<>]*(?:/>|>[^<]*</(?P=ns)f>))(?:<(?P=ns)v\s*/>|<(?P=ns)v></(?P=ns)v>)?</(?P=c)>"
)
_LONG = rb"-?(?:9|[1-9][0-9])[0-9]{15}"
_LONG_NUMBER = re.compile(rb"v>" + _LONG)
_ODS_LONG_NUMBER = re.compile(rb"office:value=\"" + _LONG)
_CELL_OF_LONG_NUMBER = re.compile(
    rb"<(?P<c>(?:[\w.-]+:)?c)(?P<attributes>(?:\s[^<>]*)?)>"
    rb"(?P<value>(?:<(?:[\w.-]+:)?f\b[^<>]*(?:/>|>[^<]*</(?:[\w.-]+:)?f>))?"
    rb"<(?:[\w.-]+:)?v>" + _LONG + rb"[0-9]*</(?:[\w.-]+:)?v></)(?P=c)>"
)
_UNCALCULATED_TEXT = b"#GETTING_DATA"
_TYPE = re.compile(rb"\st\s*=\s*[\"'](\w+)[\"']")
_ODS_CELL_OF_ERROR = re.compile(
    rb"<table:table-cell\b([^<>]*)>(?=\s*<text:p>(?:#(?:NULL!|DIV/0!|VALUE!|REF!|NAME\?|NUM!|N/A)|Err:\d+)</text:p>)"
)
_ODS_CELL_OF_LONG_NUMBER = re.compile(
    rb"<table:table-cell\b(?=[^<>]*\soffice:value=\"" + _LONG + rb"[0-9]*\")([^<>]*[^<>/])>(?=\s*<text:p>)"
)
_ODS_UNCALCULATED = re.compile(
    rb"<table:table-cell\b(?=[^<>]*\stable:formula=)(?![^<>]*\soffice:value-type=)([^<>]*?)(?:/>|></table:table-cell>)"
)
_ODS_VALUE = re.compile(rb"\s(?:office|calcext):(?:value|value-type|string-value|currency|boolean-value)=\"[^\"]*\"")
_ODS_ROW_END = b"</table:table-row>"
_MAX_ODS_ROW = 8 << 20


class NotAWorkbook(ValueError):
    """The archive is whole, but no workbook."""


class PackageEncrypted(ValueError):
    """A part of the archive is encrypted."""


class PackageTooLarge(ValueError):
    """The parts with cells inflate to more than the bound."""


def copy_package(source: Path, folder: Path, *, inflated_bytes: int) -> Path:
    """Copy the parts with cells of the archive `source` into `folder`; the copy's name tells its format.

    Raises NotAWorkbook, PackageEncrypted, PackageTooLarge, and what `zipfile` raises over a broken archive.
    """
    bound = min(inflated_bytes, max(_ALWAYS_INFLATED, _MAX_RATIO * source.stat().st_size))
    with ZipFile(source) as archive:
        members = {info.filename.replace("\\", "/"): info for info in archive.infolist()}
        suffix, wanted, corrected = _format({name.lower() for name in members})
        target = folder / f"workbook{suffix}"
        with ZipFile(target, "w", ZIP_STORED) as copy:
            for name, info in members.items():
                if wanted.fullmatch(name.lower()):
                    with copy.open(ZipInfo(name), "w", force_zip64=True) as part:
                        for piece in corrected(_inflate(archive, info, bound)):
                            bound -= part.write(piece)
    return target


def _format(names: set[str]) -> tuple[str, re.Pattern[str], Callable[[Parts], Parts]]:
    if "_rels/.rels" in names:
        if any(name.endswith("workbook.bin") for name in names):
            return ".xlsb", _XLSB_PART, _xlsb_corrected
        return ".xlsx", _XLSX_PART, _xlsx_corrected
    if "content.xml" in names:
        return ".ods", _ODS_PART, _ods_corrected
    raise NotAWorkbook("no workbook's parts in the archive")


def _inflate(archive: ZipFile, info: ZipInfo, bound: int) -> Parts:
    if info.flag_bits & _ENCRYPTED:
        raise PackageEncrypted
    with archive.open(info) as part:
        while piece := part.read(_PIECE):
            bound -= len(piece)
            if bound < 0:
                raise PackageTooLarge
            yield piece


def _xlsx_corrected(pieces: Parts) -> Parts:
    for piece in _cut(_utf8_text(pieces), _last_cell, longest=_MAX_TAG):
        cells = piece
        if b"f>" in cells:
            cells = _UNCALCULATED.sub(_as_uncalculated, cells)
        if b'"e"' in cells or b"'e'" in cells:
            cells = _CELL_OF_ERROR.sub(rb"\1\2str\2", cells)
        if _LONG_NUMBER.search(cells):
            cells = _CELL_OF_LONG_NUMBER.sub(_as_text, cells)
        yield cells


def _last_cell(data: bytes) -> int:
    """Where the last cell starts, else the last tag."""
    start = max(len(data) - _MAX_TAG, 0)
    at = max(data.rfind(mark, start) for mark in (b"<c ", b"<c>", b":c "))
    return max(data.rfind(b"<", 0, at + 1 or None), 0)


def _as_uncalculated(cell: re.Match[bytes]) -> bytes:
    """A formula without a value, as programs write it that do not calculate, as Excel's error for a value to come.

    One whose value is an empty text is blank and stays so.
    """
    if not _is_number(cell):
        return cell[0]
    value = cell["ns"] + b"v>"
    shown = b"<" + value + _UNCALCULATED_TEXT + b"</" + value
    return _opened_as_text(cell) + cell["formula"] + shown + b"</" + cell["c"] + b">"


def _as_text(cell: re.Match[bytes]) -> bytes:
    """A long whole number, such as a serial that a program wrote, digit by digit: a double would round it."""
    return _opened_as_text(cell) + cell["value"] + cell["c"] + b">" if _is_number(cell) else cell[0]


def _is_number(cell: re.Match[bytes]) -> bool:
    kind = _TYPE.search(cell["attributes"])
    return kind is None or kind[1] == b"n"


def _opened_as_text(cell: re.Match[bytes]) -> bytes:
    return b"<" + cell["c"] + _TYPE.sub(b"", cell["attributes"]) + b' t="str">'


def _ods_corrected(pieces: Parts) -> Parts:
    for piece in _cut(_utf8_text(pieces), _last_ods_row_end, longest=_MAX_ODS_ROW):
        cells = piece
        if b"<text:p>#" in cells or b">Err:" in cells:
            cells = _ODS_CELL_OF_ERROR.sub(_ods_text_cell, cells)
        if b" table:formula=" in cells:
            cells = _ODS_UNCALCULATED.sub(_ods_uncalculated_cell, cells)
        if _ODS_LONG_NUMBER.search(cells):
            cells = _ODS_CELL_OF_LONG_NUMBER.sub(_ods_text_cell, cells)
        yield cells


def _last_ods_row_end(data: bytes) -> int:
    at = data.rfind(_ODS_ROW_END)
    return len(data) if at < 0 else at + len(_ODS_ROW_END)


def _ods_text_cell(tag: re.Match[bytes]) -> bytes:
    """The cell as one of text: its value is then what it shows."""
    return _ODS_TEXT_CELL + _ODS_VALUE.sub(b"", tag[1]) + b">"


def _ods_uncalculated_cell(cell: re.Match[bytes]) -> bytes:
    return _ODS_TEXT_CELL + cell[1] + b"><text:p>" + _UNCALCULATED_TEXT + b"</text:p></table:table-cell>"


_ODS_TEXT_CELL = b'<table:table-cell office:value-type="string"'


def _xlsb_corrected(pieces: Parts) -> Parts:
    data = b"".join(pieces)
    return corrected_sheet(data) if data.startswith(SHEET_START) else iter((data,))


def _utf8_text(pieces: Parts) -> Parts:
    """The pieces of an XML part, which must not be UTF-16: the parser would find nothing in it."""
    for piece in pieces:
        if b"\x00" in piece:
            raise NotAWorkbook("an XML part in another encoding than UTF-8")
        yield piece


def _cut(pieces: Parts, border: Callable[[bytes], int], *, longest: int) -> Parts:
    """Cut anew, at the last border of a piece, so that nothing of at most `longest` bytes is cut in two."""
    rest = b""
    for piece in pieces:
        held = rest + piece
        at = border(held)
        if len(held) - at > longest:
            at = len(held)
        yield held[:at]
        rest = held[at:]
    yield rest
