"""Error cells (`#DIV/0!`) of an .xls workbook, which python-calamine reads as blank.

The workbook is a stream of BIFF records in a compound file (MS-CFB, MS-XLS). Only where bytes in it look like an
error's record are the records walked.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path

ERROR_TEXTS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}
"""By the code that Excel's binary formats have for them."""

ErrorCells = dict[int, dict[int, dict[int, str]]]
"""Sheet → row → column → text, all counted from 0."""

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_CODES = re.escape(bytes(ERROR_TEXTS))
_LOOKS_LIKE_ERROR = re.compile(
    rb"\x05\x02\x08\x00.{6}[" + _CODES + rb"]\x01|\x06\x00..{7}\x02.[" + _CODES + rb"].{3}\xff\xff", re.DOTALL
)
_END, _FORMULA, _SHEET, _BOOL_OR_ERROR = 0x000A, 0x0006, 0x0085, 0x0205
_LAST_SECTOR = 0xFFFFFFFA


class BadCompoundFile(ValueError):
    """The file's sectors or directory make no sense."""


def is_encrypted_package(data: bytes) -> bool:
    """True for a compound file that holds a newer workbook under a password."""
    return data.find("EncryptedPackage".encode("utf-16-le")) >= 0


def error_cells(path: Path) -> ErrorCells:
    """Find the error cells of the .xls file at `path`. Raises BadCompoundFile."""
    try:
        stream = _workbook_stream(path.read_bytes())
        if not _LOOKS_LIKE_ERROR.search(stream):
            return {}
        starts = [struct.unpack_from("<I", stream, at)[0] for kind, at, _ in _records(stream, 0) if kind == _SHEET]
        return {sheet: _errors_of_sheet(stream, start) for sheet, start in enumerate(starts)}
    except (struct.error, IndexError) as error:
        raise BadCompoundFile("the file ends early") from error


def _errors_of_sheet(stream: bytes, start: int) -> dict[int, dict[int, str]]:
    errors: dict[int, dict[int, str]] = {}
    for kind, at, _ in _records(stream, start):
        if kind == _BOOL_OR_ERROR and stream[at + 7]:
            code = stream[at + 6]
        elif kind == _FORMULA and stream[at + 6] == 2 and stream[at + 12 : at + 14] == b"\xff\xff":  # noqa: PLR2004
            code = stream[at + 8]
        else:
            continue
        row, column = struct.unpack_from("<HH", stream, at)
        errors.setdefault(row, {})[column] = ERROR_TEXTS.get(code, f"#ERROR {code}")
    return errors


def _records(stream: bytes, start: int) -> Iterator[tuple[int, int, int]]:
    """The records from `start` to the end of their substream: kind, offset of the data, its length."""
    unpack, at = struct.Struct("<HH").unpack_from, start
    while at + 4 <= len(stream):
        kind, length = unpack(stream, at)
        if kind == _END:
            return
        yield kind, at + 4, length
        at += 4 + length


def _workbook_stream(data: bytes) -> bytes:
    """The stream `Workbook` (or `Book`, before Excel 97) of the compound file."""
    if not data.startswith(SIGNATURE):
        raise BadCompoundFile("no compound file")
    sector_shift, mini_shift = struct.unpack_from("<HH", data, 30)
    directory_start, cutoff, mini_start = (struct.unpack_from("<I", data, at)[0] for at in (48, 56, 60))
    if sector_shift not in (9, 12) or mini_shift != 6:  # noqa: PLR2004
        raise BadCompoundFile("sectors of an odd size")
    size = 1 << sector_shift
    table = _sector_table(data, size)
    directory = _chain(data, table, directory_start, size, offset=size)
    entries = {
        directory[at : at + struct.unpack_from("<H", directory, at + 64)[0]].decode("utf-16-le", "replace"): at
        for at in range(0, len(directory) - 127, 128)
    }
    for name in ("Workbook\0", "Book\0"):
        if name in entries:
            start, length = struct.unpack_from("<II", directory, entries[name] + 116)
            if length >= cutoff:
                return _chain(data, table, start, size, offset=size)[:length]
            minis = _integers(_chain(data, table, mini_start, size, offset=size))
            root = struct.unpack_from("<I", directory, 116)[0]
            return _chain(_chain(data, table, root, size, offset=size), minis, start, 64, offset=0)[:length]
    raise BadCompoundFile("no workbook in it")


def _sector_table(data: bytes, size: int) -> tuple[int, ...]:
    """The allocation table: for each sector the one that follows it."""
    sectors = list(struct.unpack_from("<109I", data, 76))
    following = struct.unpack_from("<I", data, 68)[0]
    for _ in range(len(data) // size):
        if following >= _LAST_SECTOR:
            break
        more = struct.unpack_from(f"<{size // 4}I", data, size * (following + 1))
        sectors += more[:-1]
        following = more[-1]
    parts = (data[size * (sector + 1) : size * (sector + 2)] for sector in sectors if sector < _LAST_SECTOR)
    return _integers(b"".join(parts))


def _integers(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4])


def _chain(data: bytes, table: tuple[int, ...], start: int, size: int, *, offset: int) -> bytes:
    """The bytes of the sectors that begin with `start`; `offset` is where sector 0 stands."""
    parts, sector = [], start
    while sector < _LAST_SECTOR:
        if len(parts) > len(table):
            raise BadCompoundFile("sectors in a circle")
        parts.append(data[offset + sector * size : offset + (sector + 1) * size])
        sector = table[sector]
    return b"".join(parts)
